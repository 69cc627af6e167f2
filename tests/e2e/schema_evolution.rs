//! Producers use new versions of their schemas while ingest runs.

use apache_avro::types::Value as Avro;
use rand::RngExt;
use spanbridge_kafka::{Message, Producer};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::encode_avro;
use spanbridge_schema::{AvroSchema, frame};
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{TIMEOUT, wait_for};
use super::interop::bridge::Bridge;
use super::shared_testbed::testbed;

/// A registered version of an Avro schema.
struct Version {
    id: u32,
    schema: AvroSchema,
}

impl Version {
    async fn new(bridge: &Bridge, fields: &str) -> Self {
        let text = format!(r#"{{"type": "record", "name": "Item", "fields": [{fields}]}}"#);
        let id = bridge.register("items", "AVRO", &text).await;
        Self { id, schema: AvroSchema::parse(&text).unwrap() }
    }

    fn message(&self, bridge: &Bridge, fields: &[(&str, Avro)]) -> Message {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let value = encode_avro(self.id, &self.schema, &Avro::Record(fields.collect())).unwrap();
        Message::new(format!("items-{}", bridge.id)).with_value(value)
    }
}

const ID: &str = r#"{"name": "id", "type": "long"}"#;
const NAME: &str = r#"{"name": "name", "type": "string"}"#;
const COLOUR: &str = r#"{"name": "colour", "type": ["null", "string"], "default": null}"#;
const TAGS: &str = r#"{"name": "Tags", "type": {"type": "array", "items": "long"}}"#;

fn text(text: &str) -> Avro {
    Avro::String(text.to_owned())
}

async fn send(bridge: &Bridge, messages: &[Message]) {
    let producer = Producer::new(&bridge.kafka, TIMEOUT).unwrap();
    for message in messages {
        producer.send(message).await.unwrap();
    }
    producer.flush().await.unwrap();
}

fn pipeline(bridge: &Bridge, name: &str, more: &str, tables: &str) -> String {
    let id = &bridge.id;
    format!("[[ingest]]\nname = \"{name}-{id}\"\ntopics = [\"items-{id}\"]\n{more}\n{tables}")
}

/// Waits until the worker has exited with a failure, and returns its log.
async fn log_of_failure(bridge: &Bridge, worker: &mut WorkerProcess) -> String {
    wait_for("exit of the worker", async || worker.exit_status().unwrap().is_some()).await;
    assert_eq!(worker.exit_status().unwrap().unwrap().code(), Some(1), "{}", worker.log_tail());
    bridge.log(worker.name())
}

async fn rows(bridge: &Bridge, table: &str) -> Vec<Vec<Value>> {
    bridge.rows(table).await.into_values().collect()
}

#[tokio::test]
async fn schema_version_that_does_not_fit_is_rejected_and_others_are_applied() {
    let items = "(id INT64 NOT NULL, Amount INT64) PRIMARY KEY (id)";
    let ddl = ["All", "Some", "Stopped"].map(|table| format!("CREATE TABLE {table}Items {items}"));
    let bridge = Bridge::new(testbed().await, &ddl, &["items"]).await;
    let amount = |ty: &str| format!(r#"{ID}, {{"name": "amount", "type": "{ty}"}}"#);
    let good = Version::new(&bridge, &amount("long")).await;
    let other = Version::new(&bridge, &amount("string")).await;
    let without = Version::new(&bridge, ID).await;
    let good = |id| good.message(&bridge, &[("id", Avro::Long(id)), ("amount", Avro::Long(id))]);
    // A text may contain a number, so its type is accepted.
    let other_id = other.id;
    let other = other.message(&bridge, &[("id", Avro::Long(1)), ("amount", text("1"))]);
    let without = without.message(&bridge, &[("id", Avro::Long(3))]);
    send(&bridge, &[good(0), other.clone(), good(2), without, good(4), other]).await;
    let table = |name: &str, filter: &str| {
        format!(
            "[[ingest.table]]\ntable = \"{name}Items\"\n{filter}\ncolumns = {{ id = \"value.id\", Amount = \"value.amount\" }}\n"
        )
    };
    // The version does not affect a table that filters its records out.
    let pipelines = pipeline(&bridge, "all", "", &table("All", ""))
        + &pipeline(&bridge, "some", "", &table("Some", "where = \"offset % 2 == 0\""));
    let mut worker = bridge.ingest(&pipelines).await;
    for pipeline in ["all", "some"] {
        bridge.applied(pipeline, 6, &mut worker).await;
    }
    let code = || "SB-INGEST-SCHEMA".to_owned();
    assert_eq!(bridge.dead_letters("all").await, [(1, code()), (3, code()), (5, code())]);
    assert_eq!(bridge.dead_letters("some").await, []);
    let row = |id: i64| vec![Value::from(id), id.into()];
    for table in ["AllItems", "SomeItems"] {
        assert_eq!(rows(&bridge, table).await, [row(0), row(2), row(4)], "{table}");
    }
    let log = bridge.log("ingest");
    let message =
        format!("schema id {other_id} (subject items-{}-value) does not fit: field `amount`", bridge.id);
    // The message is logged once per pipeline, and with each dead letter for each attempt of its batch.
    let (letters, alone): (Vec<_>, Vec<_>) =
        log.lines().filter(|line| line.contains(&message)).partition(|line| line.contains(": dead letter "));
    assert!(alone.len() == 2 && letters.len() >= 2, "{log}");
    worker.stop(TIMEOUT).await.unwrap();

    let stop = pipeline(&bridge, "stopped", "on_error = \"stop\"", &table("Stopped", ""));
    let mut worker = WorkerProcess::start(&bridge.setup(&stop), Service::Ingest, "stopped").unwrap();
    let log = log_of_failure(&bridge, &mut worker).await;
    for part in ["has stopped at offset 1", "column Amount", "field `amount`", "SB-INGEST-ALL-STOPPED"] {
        assert!(log.contains(part), "{log}");
    }
    assert_eq!(rows(&bridge, "StoppedItems").await, [row(0)]);
}

#[tokio::test]
async fn new_fields_stop_the_pipeline_until_their_columns_exist() {
    let ddl = ["CREATE TABLE Items (Id INT64 NOT NULL, Name STRING(MAX), Offset INT64) PRIMARY KEY (Id)"];
    let bridge = Bridge::new(testbed().await, &ddl.map(str::to_owned), &["items"]).await;
    let old = Version::new(&bridge, &format!("{ID}, {NAME}")).await;
    let old = |id: i64| old.message(&bridge, &[("id", Avro::Long(id)), ("name", text("old"))]);
    send(&bridge, &[old(0), old(1), old(2)]).await;
    let table = "[[ingest.table]]\ntable = \"Items\"\ncolumns = { \"*\" = \"value\", Offset = \"offset\" }\n";
    let file = pipeline(&bridge, "items", "", table);
    let mut worker = bridge.ingest(&file).await;
    bridge.applied("items", 3, &mut worker).await;

    let new = Version::new(&bridge, &format!("{ID}, {NAME}, {COLOUR}, {TAGS}")).await;
    let colour = |colour: Option<&str>| match colour {
        Some(colour) => Avro::Union(1, Box::new(text(colour))),
        None => Avro::Union(0, Box::new(Avro::Null)),
    };
    let new = |id, of| {
        let tags = Avro::Array(vec![Avro::Long(id)]);
        let fields = [("id", Avro::Long(id)), ("name", text("new")), ("colour", colour(of)), ("Tags", tags)];
        new.message(&bridge, &fields)
    };
    send(&bridge, &[old(3), new(4, Some("red")), old(5), new(6, None), new(1, Some("blue"))]).await;
    let log = log_of_failure(&bridge, &mut worker).await;
    let statements = ["colour` STRING(MAX)", "Tags` ARRAY<INT64>"]
        .map(|column| format!("ALTER TABLE `Items` ADD COLUMN `{column};"));
    for part in statements.iter().map(String::as_str).chain(["SB-INGEST-COLUMNS"]) {
        assert!(log.contains(part), "{log}");
    }
    // The pipeline stopped before the record and applied all records before it.
    let row = |id: i64, name: &str, offset: i64| vec![Value::from(id), name.into(), offset.into()];
    let first = [row(0, "old", 0), row(1, "old", 1), row(2, "old", 2), row(3, "old", 3)];
    assert_eq!(rows(&bridge, "Items").await, first);
    assert_eq!(bridge.dead_letters("items").await, []);

    let checked = bridge.command(&["check", "--live", "--json"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let checked: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    let found: Vec<_> =
        checked[0]["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert_eq!(found, ["SB-CHECK-FIELDS", "SB-CHECK-COLUMNS", "SB-CHECK-COLUMNS"], "{checked:#}");
    let help = checked[0]["findings"][1]["help"].as_str().unwrap();
    assert!(help.contains(statements[0].trim_end_matches(';')), "{help}");

    let planned = bridge.command(&["plan", "--apply"]);
    assert!(planned.status.success(), "{planned:?}");
    assert_eq!(String::from_utf8(planned.stdout).unwrap().lines().collect::<Vec<_>>(), statements);
    let mut worker = bridge.ingest(&file).await;
    bridge.applied("items", 8, &mut worker).await;
    let whole = |id: i64, name: &str, offset: i64, colour: Option<&str>| {
        let tags = if name == "new" { Value::Array(vec![id.into()]) } else { Value::Null };
        [row(id, name, offset), vec![colour.map_or(Value::Null, Value::from), tags]].concat()
    };
    let expected = [
        whole(0, "old", 0, None),
        whole(1, "new", 7, Some("blue")),
        whole(2, "old", 2, None),
        whole(3, "old", 3, None),
        whole(4, "new", 4, Some("red")),
        whole(5, "old", 5, None),
        whole(6, "new", 6, None),
    ];
    assert_eq!(rows(&bridge, "Items").await, expected);
    assert_eq!(bridge.dead_letters("items").await, []);
    worker.stop(TIMEOUT).await.unwrap();
}

const PARTITIONS: i32 = 4;
const RECORDS: i64 = 600;

#[tokio::test]
async fn concurrent_workers_add_columns_while_one_is_killed() {
    let ddl = [
        "CREATE TABLE Items (Id INT64 NOT NULL, Name STRING(MAX)) PRIMARY KEY (Id)",
        "CREATE TABLE Times (Id INT64 NOT NULL, SourcePartition INT64 NOT NULL, N INT64) \
         PRIMARY KEY (Id, SourcePartition)",
    ];
    let bridge = Bridge::with(testbed().await, &ddl.map(str::to_owned), &[("items", PARTITIONS)]).await;
    let versions = [
        Version::new(&bridge, &format!("{ID}, {NAME}")).await,
        Version::new(&bridge, &format!("{ID}, {NAME}, {COLOUR}")).await,
        Version::new(&bridge, &format!("{ID}, {NAME}, {TAGS}")).await,
    ];
    let message = |id: i64| {
        let mut fields = vec![("id", Avro::Long(id)), ("name", text("x"))];
        // The versions alternate after the first third of the records.
        let version = if id < RECORDS / 3 { 0 } else { usize::try_from(id % 3).unwrap() };
        match version {
            1 => fields.push(("colour", Avro::Union(1, Box::new(text("red"))))),
            2 => fields.push(("Tags", Avro::Array(vec![Avro::Long(id)]))),
            _ => {}
        }
        let partition = Some(i32::try_from(id).unwrap() % PARTITIONS);
        Message { partition, ..versions[version].message(&bridge, &fields) }
    };
    let messages: Vec<_> = (0..RECORDS).map(message).collect();
    let tables = "[[ingest.table]]\ntable = \"Items\"\ncolumns = { \"*\" = \"value\" }\n\
        [[ingest.table]]\ntable = \"Times\"\ngroup_by = { Id = \"value.id\" }\naggregates = { N = \"count()\" }\n";
    let more = "evolve = \"add-columns\"\nbatch = { max_records = 20, max_wait = \"10ms\" }";
    let setup = bridge.setup(&pipeline(&bridge, "items", more, tables));
    let start = |name| WorkerProcess::start(&setup, Service::Ingest, name).unwrap();
    let (mut one, mut other) = (start("one"), start("other"));
    one.wait_until_ready(TIMEOUT).await.unwrap();
    other.wait_until_ready(TIMEOUT).await.unwrap();
    send(&bridge, &messages).await;
    let name = format!("items-{}", bridge.id);
    let applied = async || match spanbridge_verify::positions::read(&bridge.database, &name).await {
        Ok(positions) => i64::try_from(spanbridge_verify::positions::count_applied(&positions)).unwrap(),
        Err(_) => 0,
    };
    let moment = rand::rng().random_range(RECORDS / 6..RECORDS / 2);
    println!("kill after {moment} records");
    wait_for("progress before the kill", async || {
        one.check_running().unwrap();
        other.check_running().unwrap();
        applied().await >= moment
    })
    .await;
    one.kill().await.unwrap();
    let mut one = start("one again");
    wait_for("last record", async || {
        one.check_running().unwrap();
        other.check_running().unwrap();
        applied().await >= RECORDS
    })
    .await;
    let found = bridge.database.query(
        "SELECT i.Id, i.Name, i.colour, ARRAY_LENGTH(i.Tags), t.N FROM Items AS i JOIN Times AS t ON t.Id = i.Id ORDER BY i.Id",
        &[],
        &[Type::Int64, Type::String, Type::String, Type::Int64, Type::Int64],
    );
    let expected: Vec<Vec<Value>> = (0..RECORDS)
        .map(|id| {
            let version = if id < RECORDS / 3 { 0 } else { id % 3 };
            let colour = if version == 1 { "red".into() } else { Value::Null };
            vec![id.into(), "x".into(), colour, (version == 2).then_some(1).into(), 1.into()]
        })
        .collect();
    assert_eq!(found.await.unwrap(), expected);
    assert_eq!(bridge.dead_letters("items").await, []);
    one.stop(TIMEOUT).await.unwrap();
    other.stop(TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn json_schema_and_protobuf_add_columns_too() {
    let ddl = ["JsonItems", "ProtoItems"]
        .map(|table| format!("CREATE TABLE {table} (Id INT64 NOT NULL, Name STRING(MAX)) PRIMARY KEY (Id)"));
    let bridge = Bridge::new(testbed().await, &ddl, &["json", "proto"]).await;
    let json = |more: &str| {
        format!(
            r#"{{"type": "object", "required": ["id"], "properties": {{"id": {{"type": "integer"}}, "name": {{"type": "string"}}{more}}}}}"#
        )
    };
    let proto =
        |more: &str| format!("syntax = \"proto3\"; message Item {{ int64 id = 1; string name = 2; {more} }}");
    let of = async |topic, language, schema: &str, payload: &[u8]| {
        let id = bridge.register(topic, language, schema).await;
        Message::new(format!("{topic}-{}", bridge.id)).with_value(frame::join(id, payload))
    };
    let colour = r#", "colour": {"type": "string"}, "size": {"type": "object", "properties": {"x": {"type": "string"}}}"#;
    let messages = [
        // A member that the schema does not define is not a field.
        of("json", "JSON", &json(""), br#"{"id": 1, "name": "a", "colour": "unknown"}"#).await,
        of("json", "JSON", &json(colour), br#"{"id": 2, "name": "b", "colour": "red", "size": {"x": "1"}}"#)
            .await,
        of("json", "JSON", &json(""), br#"{"id": 3}"#).await,
        // The schema of the first record does not define its second field.
        of("proto", "PROTOBUF", &proto(""), b"\0\x08\x01\x1a\x03red").await,
        of(
            "proto",
            "PROTOBUF",
            &proto("string colour = 3; repeated int32 size = 4;"),
            b"\0\x08\x02\x1a\x03red\x22\x02\x07\x08",
        )
        .await,
        of("proto", "PROTOBUF", &proto(""), b"\0\x08\x03\x12\x01c").await,
    ];
    send(&bridge, &messages).await;
    let pipeline = |topic: &str, format: &str, table: &str| {
        let id = &bridge.id;
        format!(
            "[[ingest]]\nname = \"{topic}-{id}\"\ntopics = [\"{topic}-{id}\"]\nvalue = {{ format = \"{format}\" }}\n\
             evolve = \"add-columns\"\n[[ingest.table]]\ntable = \"{table}\"\ncolumns = {{ \"*\" = \"value\" }}\n"
        )
    };
    let pipelines =
        pipeline("json", "json-schema", "JsonItems") + &pipeline("proto", "protobuf", "ProtoItems");
    let mut worker = bridge.ingest(&pipelines).await;
    for topic in ["json", "proto"] {
        bridge.applied(topic, 3, &mut worker).await;
        assert_eq!(bridge.dead_letters(topic).await, [], "{topic}");
    }
    let row = |id: i64, name: Value, colour: Value, size: Value| vec![id.into(), name, colour, size];
    let null = || Value::Null;
    let size = Value::Json(r#"{"x":"1"}"#.into());
    let expected = [
        row(1, "a".into(), null(), null()),
        row(2, "b".into(), "red".into(), size),
        row(3, null(), null(), null()),
    ];
    assert_eq!(rows(&bridge, "JsonItems").await, expected);
    let size = Value::Array(vec![7.into(), 8.into()]);
    let expected = [
        row(1, "".into(), null(), null()),
        row(2, "".into(), "red".into(), size),
        row(3, "c".into(), null(), null()),
    ];
    assert_eq!(rows(&bridge, "ProtoItems").await, expected);
    worker.stop(TIMEOUT).await.unwrap();
}

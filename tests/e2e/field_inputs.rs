//! Records of other clients, each kind in a topic and a pipeline of its own.

use apache_avro::types::Value as Avro;
use serde_json::json;
use spanbridge_kafka::{Message, Producer};
use spanbridge_protocol::value::Value;
use spanbridge_schema::{AvroSchema, encode_avro, frame};

use super::fixture::{self, TIMEOUT};
use super::interop::bridge::Bridge;
use super::shared_testbed::testbed;

const DDL: [&str; 5] = [
    "CREATE TABLE Wrapped (id INT64 NOT NULL, price NUMERIC, born DATE, raw BYTES(MAX)) PRIMARY KEY (id)",
    "CREATE TABLE Chosen (id INT64 NOT NULL) PRIMARY KEY (id)",
    "CREATE TABLE Bare (Offset INT64 NOT NULL, Value BYTES(MAX)) PRIMARY KEY (Offset)",
    "CREATE TABLE Exact (id INT64 NOT NULL, Amount NUMERIC, SeenAt TIMESTAMP) PRIMARY KEY (id)",
    "CREATE TABLE Plain (id INT64 NOT NULL, name STRING(MAX)) PRIMARY KEY (id)",
];

/// The sections of one pipeline, whose topic has its name.
fn pipeline(bridge: &Bridge, name: &str, value: &str, table: &str) -> String {
    let id = &bridge.id;
    format!(
        "[[ingest]]\nname = \"{name}-{id}\"\ntopics = [\"{name}-{id}\"]\nvalue = {{ {value} }}\n[[ingest.table]]\n{table}\n"
    )
}

/// The codes of the findings of `check --live` about data: errors, and wrapped records.
fn findings(bridge: &Bridge, file: &str) -> Vec<String> {
    bridge.setup(file);
    let findings = fixture::findings(&bridge.command(&["check", "--live", "--json"]));
    let serious = findings
        .iter()
        .filter(|finding| finding["severity"] == "error" || finding["code"] == "SB-CHECK-UNWRAP");
    serious.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

async fn send(bridge: &Bridge, topic: &str, values: &[Vec<u8>]) {
    let producer = Producer::new(&bridge.kafka, TIMEOUT).unwrap();
    for value in values {
        let message = Message::new(format!("{topic}-{}", bridge.id)).with_value(value.clone());
        producer.send(&message.with_partition(0)).await.unwrap();
    }
    producer.flush().await.unwrap();
}

async fn rows(bridge: &Bridge, table: &str) -> Vec<Vec<Value>> {
    bridge.rows(table).await.into_values().collect()
}

/// A record of Connect's JSON converter with `schemas.enable`: decimals and bytes are base64, dates are days.
fn connect_record() -> Vec<u8> {
    let field = |name: &str, ty: &str, logical: Option<&str>| {
        let mut field = json!({"field": name, "type": ty, "optional": true});
        if let Some(logical) = logical {
            field["name"] = logical.into();
        }
        field
    };
    let mut price = field("price", "bytes", Some("org.apache.kafka.connect.data.Decimal"));
    price["parameters"] = json!({"scale": "2"});
    let fields = json!([
        field("id", "int64", None),
        price,
        field("born", "int32", Some("org.apache.kafka.connect.data.Date")),
        field("raw", "bytes", None),
    ]);
    let payload = json!({"id": 1, "price": "ATk=", "born": 1, "raw": "/w=="});
    json!({"schema": {"type": "struct", "fields": fields}, "payload": payload}).to_string().into_bytes()
}

#[tokio::test]
async fn records_of_other_clients_are_stored_as_they_mean() {
    let topics = ["wrapped", "chosen", "bare", "exact", "plain"];
    let bridge = Bridge::new(testbed().await, &DDL.map(str::to_owned), &topics).await;

    send(&bridge, "wrapped", &[connect_record()]).await;
    let file =
        "syntax = \"proto3\"; package shop; message Head { string at = 1; } message Order { int64 id = 1; }";
    let chosen = bridge.register("chosen", "PROTOBUF", file).await;
    // The message index of the second message, and id 7. Then the first message.
    send(&bridge, "chosen", &[frame::join(chosen, &[2, 2, 0x08, 7]), frame::join(chosen, &[0])]).await;
    let bare = bridge.register("bare", "AVRO", "\"bytes\"").await;
    send(&bridge, "bare", &[frame::join(bare, b"{\"id\":1}"), frame::join(bare, b"\x06abc")]).await;
    let exact = [
        "\u{feff}{\"id\": 1, \"amount-eur\": 12345678901234567890.123456789, \"at\": \"2026-01-01T00:00:00\"}",
        "{\"id\": 2, \"amount-eur\": 0.1, \"at\": null}",
    ];
    send(&bridge, "exact", &exact.map(|text| text.as_bytes().to_vec())).await;
    let text = r#"{"type": "record", "name": "Row", "fields": [{"name": "id", "type": "long"},
        {"name": "name", "type": "string"}, {"name": "__deleted", "type": "string"}, {"name": "__op", "type": "string"}]}"#;
    let (plain, schema) = (bridge.register("plain", "AVRO", text).await, AvroSchema::parse(text).unwrap());
    let of = |name: &str, value: &str| (name.to_owned(), Avro::String(value.to_owned()));
    let fields =
        vec![("id".to_owned(), Avro::Long(1)), of("name", "a"), of("__deleted", "false"), of("__op", "c")];
    send(&bridge, "plain", &[encode_avro(plain, &schema, &Avro::Record(fields)).unwrap()]).await;

    let wrapped = "table = \"Wrapped\"\n\
        columns = { id = \"value.id\", price = \"value.price\", born = \"value.born\", raw = \"value.raw\" }";
    assert_eq!(
        findings(&bridge, &pipeline(&bridge, "wrapped", "format = \"json\"", wrapped)),
        ["SB-CHECK-UNWRAP"]
    );
    let chosen_table = "table = \"Chosen\"\ncolumns = { id = \"value.id\" }";
    assert_eq!(
        findings(&bridge, &pipeline(&bridge, "chosen", "format = \"protobuf\"", chosen_table)),
        [""; 0]
    );

    let pipelines = [
        pipeline(&bridge, "wrapped", "format = \"json\", unwrap = \"connect\"", wrapped),
        pipeline(&bridge, "chosen", "format = \"protobuf\", message = \"shop.Order\"", chosen_table),
        pipeline(
            &bridge,
            "bare",
            "format = \"avro\"",
            "table = \"Bare\"\ncolumns = { Offset = \"offset\", Value = \"value\" }",
        ),
        pipeline(
            &bridge,
            "exact",
            "format = \"json\"",
            "table = \"Exact\"\ncolumns = { id = \"value.id\", Amount = \"value['amount-eur']\", \
             SeenAt = \"value.at == null ? null : timestamp(value.at + 'Z')\" }",
        ),
        pipeline(
            &bridge,
            "plain",
            "format = \"avro\"",
            "table = \"Plain\"\nexclude = [\"__*\"]\ncolumns = { \"*\" = \"value\" }",
        ),
    ]
    .concat();
    assert_eq!(findings(&bridge, &pipelines), [""; 0]);
    let mut worker = bridge.ingest(&pipelines).await;
    for (topic, records) in [("wrapped", 1), ("chosen", 2), ("bare", 2), ("exact", 2), ("plain", 1)] {
        bridge.applied(topic, records, &mut worker).await;
    }
    worker.stop(TIMEOUT).await.unwrap();

    let numeric = |text: &str| Value::Numeric(text.parse().unwrap());
    let born = Value::Date("1970-01-02".parse().unwrap());
    assert_eq!(
        rows(&bridge, "Wrapped").await,
        [[Value::from(1), numeric("3.13"), born, Value::Bytes(vec![0xff])]]
    );
    assert_eq!(rows(&bridge, "Chosen").await, [[Value::from(7)]]);
    assert_eq!(bridge.dead_letters("chosen").await, [(1, "SB-INGEST-DECODE".to_owned())]);
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    assert_eq!(
        rows(&bridge, "Bare").await,
        [[Value::from(0), bytes(b"{\"id\":1}")], [Value::from(1), bytes(b"\x06abc")]]
    );
    let at = Value::Timestamp("2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(
        rows(&bridge, "Exact").await,
        [
            [Value::from(1), numeric("12345678901234567890.123456789"), at],
            [Value::from(2), numeric("0.1"), Value::Null]
        ]
    );
    assert_eq!(rows(&bridge, "Plain").await, [[Value::from(1), "a".into()]]);
}

#[tokio::test]
async fn table_is_renamed_while_ingest_writes_it() {
    let ddl = ["CREATE TABLE Old (id INT64 NOT NULL) PRIMARY KEY (id)".to_owned()];
    let bridge = Bridge::new(testbed().await, &ddl, &["renamed"]).await;
    let record = |id: u64| format!("{{\"id\": {id}}}").into_bytes();
    let file =
        pipeline(&bridge, "renamed", "format = \"json\"", "table = \"Old\"\ncolumns = { id = \"value.id\" }");
    send(&bridge, "renamed", &[record(0)]).await;
    let mut worker = bridge.ingest(&file).await;
    bridge.applied("renamed", 1, &mut worker).await;
    bridge
        .admin
        .update_ddl(&["ALTER TABLE Old RENAME TO Renamed, ADD SYNONYM Old".to_owned()])
        .await
        .unwrap();
    send(&bridge, "renamed", &[record(1)]).await;
    bridge.applied("renamed", 2, &mut worker).await;
    worker.stop(TIMEOUT).await.unwrap();

    send(&bridge, "renamed", &[record(2)]).await;
    let mut worker = bridge.ingest(&file).await;
    bridge.applied("renamed", 3, &mut worker).await;
    worker.stop(TIMEOUT).await.unwrap();
    assert_eq!(rows(&bridge, "Renamed").await, [0, 1, 2].map(|id: i64| [Value::from(id)]));
}

#[tokio::test]
async fn check_finds_tables_that_cannot_be_published() {
    let ddl = [
        "CREATE SCHEMA app",
        "CREATE TABLE app.Item (Id INT64 NOT NULL) PRIMARY KEY (Id)",
        "CREATE TABLE app_Item (Id INT64 NOT NULL) PRIMARY KEY (Id)",
        "CREATE TABLE Single (V INT64) PRIMARY KEY ()",
        "CREATE TABLE Alike (Id INT64 NOT NULL, user_id INT64, userId INT64) PRIMARY KEY (Id)",
        "CREATE TABLE Good (Id INT64 NOT NULL) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM Changed FOR ALL",
    ];
    let bridge = Bridge::new(testbed().await, &ddl.map(str::to_owned), &[]).await;
    let file = format!(
        "[[publish]]\nname = \"all-{}\"\nchange_stream = \"Changed\"\nkey = {{ format = \"protobuf\" }}\n\
         value = {{ format = \"protobuf\" }}\nexclude_tables = [\"Bridge*\"]\ncreate_topics = {{ partitions = 1, replication_factor = 1 }}\n",
        bridge.id
    );
    bridge.setup(&file);
    let findings = fixture::findings(&bridge.command(&["check", "--live", "--json"]));
    let tables = findings.iter().filter(|finding| finding["code"] == "SB-CHECK-TABLE");
    let messages: Vec<&str> = tables.map(|finding| finding["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    for part in ["Single", "userId", "app_Item"] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
}

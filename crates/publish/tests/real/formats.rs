//! Each format, written through the registry and read back, and the effect of the value capture type.

use serde_json::{Value as Json, json};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_schema::{Format, RegistrySchema};

use crate::topic::{self, DecodedRecord};
use crate::worker::Worker;
use crate::world::World;

const TABLE: &str = "CREATE TABLE Things (Id INT64 NOT NULL, Name STRING(MAX) NOT NULL, Price NUMERIC, Day DATE, \
    Data JSON, Raw BYTES(MAX)) PRIMARY KEY (Id)";
const COLUMNS: [&str; 6] = ["Id", "Name", "Price", "Day", "Data", "Raw"];

fn lines(more: &str) -> String {
    format!(
        "change_stream = \"Stream\"\ntables = [\"Things\"]\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n{more}"
    )
}

async fn world(capture: &str) -> World {
    let stream = format!("CREATE CHANGE STREAM Stream FOR Things OPTIONS (value_capture_type = '{capture}')");
    World::new(&[TABLE, &stream]).await
}

async fn changes(world: &World) {
    let row = vec![
        Value::Int64(9_007_199_254_740_993),
        "größe".into(),
        Value::Numeric("12345678901234567890.123456789".parse().unwrap()),
        Value::Date("2024-02-29".parse().unwrap()),
        Value::Json("{\"a\":1}".into()),
        Value::Null,
    ];
    world.write(Write::Insert, "Things", &COLUMNS, row).await;
    let update = vec![Value::Int64(9_007_199_254_740_993), Value::Null];
    world.write(Write::Update, "Things", &["Id", "Day"], update).await;
}

/// Starts the pipeline before two changes, and returns their records.
async fn published(world: &World, more: &str, format: Format) -> Vec<DecodedRecord> {
    let start = world.database.now().await.unwrap();
    let config = world.config(&lines(&format!("start = \"{}\"\n{more}", start.to_rfc3339())));
    changes(world).await;
    let worker = Worker::start(world, &config);
    topic::await_count(world, &world.topic("Things"), 2).await;
    let read = topic::read_as(world, &world.topic("Things"), format).await;
    worker.stop().await;
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_format_preserves_values() {
    for (name, format) in [
        ("avro", Format::Avro),
        ("json", Format::Json),
        ("json-schema", Format::JsonSchema),
        ("protobuf", Format::Protobuf),
    ] {
        let world = world("NEW_ROW").await;
        let more = format!("key = {{ format = \"{name}\" }}\nvalue = {{ format = \"{name}\" }}");
        let read = published(&world, &more, format).await;
        let id = json!(9_007_199_254_740_993_i64);
        assert_eq!(read[0].key, json!({"Id": id}), "{name}");
        let row = |value: &Json| {
            let row = &value["after"];
            (row["Id"].clone(), row["Name"].clone(), row["Price"].clone(), row["Data"].clone())
        };
        let expected = (id, json!("größe"), json!("12345678901234567890.123456789"), json!("{\"a\":1}"));
        for record in &read {
            assert_eq!(row(&record.value), expected, "{name}");
        }
        let day = if matches!(name, "avro") { json!(19782) } else { json!("2024-02-29") };
        assert_eq!((&read[0].value["after"]["Day"], &read[1].value["after"]["Day"]), (&day, &Json::Null));
        assert_eq!((&read[0].value["op"], &read[1].value["op"]), (&json!("c"), &json!("u")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unchanged_columns_are_listed() {
    let world = world("OLD_AND_NEW_VALUES").await;
    let read = published(&world, "", Format::Avro).await;
    assert_eq!(read[0].value["unchanged"], Json::Null);
    let update = &read[1].value;
    assert_eq!((&update["after"]["Day"], &update["after"]["Name"]), (&Json::Null, &Json::Null));
    assert_eq!(update["unchanged"], json!(["Name", "Price", "Data", "Raw"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debezium_compatible_records_have_debezium_types() {
    let world = world("OLD_AND_NEW_VALUES").await;
    let read = published(&world, "compatible = \"debezium\"", Format::Avro).await;
    let insert = &read[0].value["after"];
    assert_eq!(insert["Price"], json!("12345678901234567890.123456789"));
    assert_eq!((&insert["Day"], &insert["Data"]), (&json!("2024-02-29"), &json!("{\"a\":1}")));
    assert_eq!(read[1].value.get("unchanged"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subjects_follow_the_configured_strategy() {
    // Keys and values have different strategies. Debezium's record names work as well.
    for (format, read_as, compatible) in [
        ("avro", Format::Avro, "compatible = \"debezium\"\n"),
        ("json-schema", Format::JsonSchema, ""),
        ("protobuf", Format::Protobuf, ""),
    ] {
        let world = world("NEW_ROW").await;
        let topic = world.topic("Things");
        let more = format!(
            "{compatible}key = {{ format = \"{format}\", subject = \"topic-record-name\" }}\n\
             value = {{ format = \"{format}\", subject = \"record-name\" }}"
        );
        let read = published(&world, &more, read_as).await;
        assert_eq!(read[0].value["after"]["Name"], json!("größe"), "{format}");
        let [key, value] = [format!("{topic}-Things.Key"), format!("{}.Envelope", topic.replace('-', "_"))];
        for subject in [&key, &value] {
            assert_eq!(world.registry.versions(subject).await.unwrap(), [1], "{format}: {subject}");
        }
        for subject in [format!("{topic}-key"), format!("{topic}-value")] {
            assert!(world.registry.latest(&subject).await.unwrap().is_none(), "{format}: {subject}");
        }
        // A client with this strategy looks for the name in the schema itself.
        let name = match world.registry.latest(&value).await.unwrap().unwrap() {
            RegistrySchema::Avro(schema) => schema.name().unwrap().to_owned(),
            RegistrySchema::Json(_) => continue,
            RegistrySchema::Protobuf(file) => file.message(&[0]).unwrap().name().to_owned(),
            RegistrySchema::Message(_) => panic!("a file"),
        };
        assert_eq!(name, value);
    }
}

//! Changes that no schema fits become dead letters.

use serde_json::{Value as Json, json};
use spanbridge_kafka::Record;
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_schema::AvroSchema;

use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const DDL: [&str; 2] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR ALL",
];

fn header<'r>(record: &'r Record, name: &str) -> &'r str {
    let name = format!("spanbridge_{name}");
    let (_, value) = record.headers.iter().find(|(header, _)| *header == name).unwrap();
    std::str::from_utf8(value.as_deref().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn change_without_fitting_schema_becomes_a_dead_letter() {
    let world = World::new(&DDL).await;
    let start = world.database.now().await.unwrap().to_rfc3339();
    let config = world.config(&format!(
        "change_stream = \"Stream\"\nshards = 1\nstart = \"{start}\"\non_incompatible_schema = \"dead-letter\"\n\
         record_timestamp = \"commit\"\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n"
    ));
    let worker = Worker::start(&world, &config);
    let (orders, letters) = (world.topic("Orders"), world.topic("dead-letters"));
    world.write(Write::Insert, "Orders", &["Id", "V"], vec![1.into(), 10.into()]).await;
    topic::await_records(&world, &orders, 1).await;

    // Another writer has registered the next column's name with a numeric type.
    let subject = format!("{orders}-value");
    let registered = world.registry.latest(&subject).await.unwrap().unwrap();
    let spanbridge_schema::RegistrySchema::Avro(registered) = registered else { panic!("not Avro") };
    let mut registered: Json = serde_json::from_str(registered.text()).unwrap();
    let shade = json!({"name": "Shade", "type": ["null", "long"], "default": null});
    let fields = registered["fields"].as_array_mut().unwrap().iter_mut();
    let is_row = |field: &&mut Json| field["name"] == "before" || field["name"] == "after";
    for part in fields.filter(is_row) {
        // The second field refers to the record of the first by name.
        if let Some(fields) = part["type"][1].get_mut("fields").and_then(Json::as_array_mut) {
            fields.push(shade.clone());
        }
    }
    world.registry.register(&subject, &AvroSchema::parse(&registered.to_string()).unwrap()).await.unwrap();
    world.admin.update_ddl(&["ALTER TABLE Orders ADD COLUMN Shade STRING(MAX)".to_owned()]).await.unwrap();
    let columns = ["Id", "V", "Shade"];
    for id in 2..4 {
        let shaded: Vec<Value> = vec![id.into(), (10 * id).into(), "s3cret".into()];
        world.write(Write::Insert, "Orders", &columns, shaded).await;
    }
    // Changes of the other columns still fit.
    let commit = world.write(Write::Update, "Orders", &["Id", "V"], vec![1.into(), 11.into()]).await;
    let published = topic::await_records(&world, &orders, 2).await;
    assert_eq!(published[1].value["after"]["V"], 11);
    assert_eq!(published[1].timestamp_ms, commit.timestamp_millis());

    topic::await_count(&world, &letters, 2).await;
    // A new worker asks the registry again and gets the same answer.
    worker.crash().await;
    let worker = Worker::start(&world, &config);
    let last = world.write(Write::Update, "Orders", &["Id", "Shade"], vec![2.into(), "darker".into()]).await;
    topic::await_count(&world, &letters, 3).await;
    worker.stop().await;
    let letters = topic::records(&world, &letters).await;
    assert_eq!((letters.len(), topic::records(&world, &orders).await.len()), (3, 2));
    let (letter, value) = (&letters[0], json_of(letters[0].value.as_ref()));
    assert_eq!(json_of(letter.key.as_ref()), json!({"table": "Orders", "keys": {"Id": "2"}}));
    assert_eq!((&value["table_name"], &value["mod_type"]), (&json!("Orders"), &json!("INSERT")));
    assert_eq!(value["mods"][0]["new_values"], json!({"V": "20", "Shade": "s3cret"}));
    assert_eq!(value["column_types"].as_array().unwrap().len(), 3);
    assert_eq!((header(letter, "error_code"), header(letter, "table")), ("SB-PUBLISH-SCHEMA", "Orders"));
    let why = header(letter, "error_message");
    assert!(why.contains("Shade") && why.contains("compatibility level") && !why.contains("s3cret"), "{why}");
    assert_eq!(header(letter, "commit_timestamp"), value["commit_timestamp"]);
    assert_eq!(header(letter, "transaction_id"), value["server_transaction_id"]);
    assert_eq!((header(letter, "record_sequence"), header(letter, "mod_number")), ("00000000", "0"));
    assert_eq!(letters[2].timestamp_ms, Some(last.timestamp_millis()));
}

fn json_of(bytes: Option<&Vec<u8>>) -> Json {
    serde_json::from_slice(bytes.unwrap()).unwrap()
}

//! Options of a pipeline: selection, routes, headers, auxiliary topics and the end.

use std::time::Duration;

use serde_json::json;
use spanbridge_kafka::{Admin, Record};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_schema::Format;

use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const DDL: [&str; 5] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64, Secret STRING(MAX), Other INT64) PRIMARY KEY (Id)",
    "CREATE TABLE AuditLog (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE TABLE Noise (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE TABLE BridgeGaps (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR ALL OPTIONS (value_capture_type = 'NEW_ROW')",
];

async fn insert(world: &World, table: &str, id: i64) -> Timestamp {
    world.write(Write::Insert, table, &["Id"], vec![Value::Int64(id)]).await
}

fn header<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    let value = record.headers.iter().find(|(header, _)| header == name)?.1.as_deref()?;
    std::str::from_utf8(value).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipeline_publishes_its_selection_and_ends() {
    let world = World::new(&DDL).await;
    let start = world.database.now().await.unwrap();
    let columns = ["Id", "V", "Secret", "Other"];
    let row = |id: i64| vec![id.into(), id.into(), "s3cret".into(), 7.into()];
    let first = world.write(Write::Insert, "Orders", &columns, row(1)).await;
    for table in ["AuditLog", "Noise", "BridgeGaps"] {
        insert(&world, table, 1).await;
    }
    let last = world.write(Write::Insert, "Orders", &columns, row(2)).await;
    // This change is after the end.
    world.write(Write::Insert, "Orders", &columns, row(3)).await;
    let (start, end) = (start.to_rfc3339(), last.to_rfc3339());
    let config = world.config(&format!(
        "change_stream = \"Stream\"\nstart = \"{start}\"\nend = \"{end}\"\nheartbeat = \"100ms\"\n\
         exclude_tables = [\"Noise\"]\nexclude_columns = [\"*.Secret\", \"Orders.Oth*\"]\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n\
         headers = {{ team = \"orders\" }}\ncloud_events = true\nlow_watermark = true\n\
         heartbeat_topic = {{ topic = \"{{name}}.beats\", every = \"100ms\" }}\n\
         watermark_topic = {{ topic = \"{{name}}.marks\", every = \"100ms\" }}\n\
         transaction_topic = \"{{name}}.transactions\"\n\
         [[publish.route]]\ntables = [\"Audit*\"]\ntopic = \"{{name}}.audit.{{table}}\"\n\
         create_topics = {{ partitions = 2, replication_factor = 1, config = {{ \"retention.ms\" = \"12345678\" }} }}"
    ));
    let ended = tokio::time::timeout(Duration::from_secs(60), Worker::start(&world, &config).ended());
    ended.await.unwrap().unwrap();

    let orders = topic::read(&world, &world.topic("Orders")).await;
    let keys: Vec<_> = orders.iter().map(|record| record.key["Id"].as_i64().unwrap()).collect();
    assert_eq!(keys, [1, 2]);
    let after = orders[0].value["after"].as_object().unwrap();
    assert_eq!(after.keys().collect::<Vec<_>>(), ["Id", "V"]);

    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    let audit = format!("{}.audit.AuditLog", world.pipeline);
    assert_eq!(admin.partition_count(&audit).await.unwrap(), Some(2));
    assert_eq!(admin.topic_config(&audit, "retention.ms").await.unwrap().as_deref(), Some("12345678"));
    assert_eq!(topic::read(&world, &audit).await.len(), 1);
    for table in ["Noise", "BridgeGaps"] {
        assert_eq!(admin.partition_count(&world.topic(table)).await.unwrap(), None, "{table}");
    }

    let record = &topic::records(&world, &world.topic("Orders")).await[0];
    assert_eq!(header(record, "team"), Some("orders"));
    assert_eq!(header(record, "ce_type"), Some("spanner.change.insert"));
    assert_eq!(header(record, "ce_subject"), Some("Orders"));

    let auxiliary = |name: &str| format!("{}.{name}", world.pipeline);
    assert!(!topic::read(&world, &auxiliary("beats")).await.is_empty());
    let marks = topic::read(&world, &auxiliary("marks")).await;
    let marks: Vec<_> = marks.iter().map(|mark| mark.value["low_watermark_us"].as_i64().unwrap()).collect();
    assert!(marks.is_sorted(), "{marks:?}");
    let transactions = topic::read(&world, &auxiliary("transactions")).await;
    let of_first: Vec<_> = transactions
        .iter()
        .filter(|event| event.value["ts_ms"] == json!(first.timestamp_millis()))
        .map(|event| (event.value["status"].clone(), event.value["event_count"].clone()))
        .collect();
    assert!(
        of_first.contains(&(json!("BEGIN"), json!(null))) && of_first.contains(&(json!("END"), json!(1)))
    );
    let block = &orders[0].value["transaction"];
    assert_eq!((&block["total_order"], &block["data_collection_order"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unwatched_columns_are_not_published() {
    let world = World::new(&[DDL[0], "CREATE CHANGE STREAM Stream FOR Orders(V)"]).await;
    let start = world.database.now().await.unwrap().to_rfc3339();
    let config = world.config(&format!(
        "change_stream = \"Stream\"\nstart = \"{start}\"\nvalue = {{ format = \"json\" }}\n\
         key = {{ format = \"json\" }}\ncreate_topics = {{ partitions = 1, replication_factor = 1 }}"
    ));
    world.write(Write::Insert, "Orders", &["Id", "V", "Other"], vec![1.into(), 2.into(), 3.into()]).await;
    let worker = Worker::start(&world, &config);
    topic::await_count(&world, &world.topic("Orders"), 1).await;
    let read = topic::read_as(&world, &world.topic("Orders"), Format::Json).await;
    worker.stop().await;
    assert_eq!(read[0].value["after"], json!({"Id": 1, "V": 2}));
}

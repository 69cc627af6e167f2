//! Tables whose schema changes while they are published.

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_publish::ErrorKind;
use spanbridge_schema::AvroSchema;

use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const DDL: [&str; 2] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR ALL OPTIONS (value_capture_type = 'NEW_ROW')",
];

async fn alter(world: &World, ddl: &str) {
    world.admin.update_ddl(&[ddl.to_owned()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_column_is_published_and_incompatible_column_stops_the_pipeline() {
    let world = World::new(&DDL).await;
    let start = world.database.now().await.unwrap();
    let lines = format!(
        "change_stream = \"Stream\"\nenvelope = \"row\"\nshards = 1\nstart = {start:?}\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n",
    );
    let config = world.config(&lines);
    let worker = Worker::start(&world, &config);
    let topic = world.topic("Orders");
    let row = |id: i64| vec![Value::Int64(id), Value::Int64(-id)];
    world.write(Write::Insert, "Orders", &["Id", "V"], row(1)).await;
    let records = topic::await_records(&world, &topic, 1).await;
    assert_eq!(records[0].value["V"], -1);
    assert!(records[0].value.get("Colour").is_none());

    alter(&world, "ALTER TABLE Orders ADD COLUMN Colour STRING(MAX)").await;
    let coloured = vec![Value::Int64(2), Value::Int64(-2), "red".into()];
    world.write(Write::Insert, "Orders", &["Id", "V", "Colour"], coloured).await;
    let records = topic::await_records(&world, &topic, 2).await;
    assert_eq!((&records[1].key["Id"], &records[1].value["Colour"]), (&2.into(), &"red".into()));

    // Another writer has registered the next column's name with a numeric type.
    let registered = AvroSchema::parse(
        r#"{"type":"record","name":"Value","namespace":"Orders","fields":[{"name":"Id","type":"long"},
            {"name":"V","type":["null","long"],"default":null},
            {"name":"Colour","type":["null","string"],"default":null},
            {"name":"Shade","type":["null","long"],"default":null}]}"#,
    );
    world.registry.register(&format!("{topic}-value"), &registered.unwrap()).await.unwrap();
    alter(&world, "ALTER TABLE Orders ADD COLUMN Shade STRING(MAX)").await;
    let shaded = vec![Value::Int64(3), "dark".into()];
    world.write(Write::Insert, "Orders", &["Id", "Shade"], shaded).await;
    let error = worker.error().await;
    assert_eq!(error.kind(), ErrorKind::Schema, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("table Orders") && text.contains("Shade") && text.contains("compatibility level"),
        "{text}"
    );
    assert_eq!(topic::records(&world, &topic).await.len(), 2);
}

/// The lines of a pipeline that starts at `start`.
fn lines(start: &str, more: &str) -> String {
    format!(
        "change_stream = \"Stream\"\nshards = 1\nstart = \"{start}\"\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n{more}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_before_a_schema_change_keep_their_schema() {
    let world = World::new(&[
        "CREATE TABLE Orders (Id INT64 NOT NULL, Kept INT64, Old STRING(10), Data STRING(10), Must INT64 NOT NULL)
         PRIMARY KEY (Id)",
        DDL[1],
    ])
    .await;
    let start = world.database.now().await.unwrap().to_rfc3339();
    let columns = ["Id", "Kept", "Old", "Data", "Must"];
    let row = |id: i64| vec![id.into(), (10 * id).into(), "old".into(), "text".into(), 5.into()];
    world.write(Write::Insert, "Orders", &columns, row(1)).await;
    for ddl in [
        "ALTER TABLE Orders DROP COLUMN Old",
        "ALTER TABLE Orders ALTER COLUMN Data BYTES(40)",
        "ALTER TABLE Orders ALTER COLUMN Must INT64",
        "ALTER TABLE Orders ADD COLUMN Fresh STRING(10)",
    ] {
        alter(&world, ddl).await;
    }
    let columns = ["Id", "Kept", "Data", "Must", "Fresh"];
    let bytes = Value::Bytes(b"bytes".to_vec());
    world
        .write(
            Write::Insert,
            "Orders",
            &columns,
            vec![2.into(), 20.into(), bytes.clone(), Value::Null, "new".into()],
        )
        .await;
    let config = world.config(&lines(&start, "value = { format = \"json\" }\nkey = { format = \"json\" }\n"));
    let worker = Worker::start(&world, &config);
    let topic = world.topic("Orders");
    topic::await_count(&world, &topic, 2).await;
    // The schema changes while the worker runs.
    alter(&world, "ALTER TABLE Orders ALTER COLUMN Fresh STRING(MAX)").await;
    alter(&world, "ALTER TABLE Orders ALTER COLUMN Data STRING(MAX)").await;
    world
        .write(
            Write::Insert,
            "Orders",
            &columns,
            vec![3.into(), 30.into(), "again".into(), 6.into(), "n".repeat(40).into()],
        )
        .await;
    topic::await_count(&world, &topic, 3).await;
    worker.stop().await;
    let after: Vec<serde_json::Value> = topic::records(&world, &topic)
        .await
        .iter()
        .map(|record| {
            serde_json::from_slice::<serde_json::Value>(record.value.as_ref().unwrap()).unwrap()["after"]
                .clone()
        })
        .collect();
    assert_eq!(
        (&after[0]["Old"], &after[0]["Data"], &after[0]["Must"]),
        (&"old".into(), &"text".into(), &5.into())
    );
    assert_eq!(after[0].get("Fresh").filter(|fresh| !fresh.is_null()), None);
    assert_eq!(
        (&after[1]["Data"], &after[1]["Must"], &after[1]["Fresh"]),
        (&"Ynl0ZXM=".into(), &serde_json::Value::Null, &"new".into())
    );
    assert_eq!((&after[2]["Data"], &after[2]["Must"]), (&"again".into(), &6.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_or_recreated_table_loses_no_change() {
    let world = World::new(&DDL).await;
    let start = world.database.now().await.unwrap().to_rfc3339();
    let config = world.config(&lines(&start, ""));
    let worker = Worker::start(&world, &config);
    let (orders, extra) = (world.topic("Orders"), world.topic("Extra"));
    world.write(Write::Insert, "Orders", &["Id", "V"], vec![1.into(), 10.into()]).await;
    topic::await_count(&world, &orders, 1).await;
    worker.stop().await;
    // A worker that starts later does not know this table by name.
    alter(&world, "CREATE TABLE Extra (A STRING(10) NOT NULL, N INT64) PRIMARY KEY (A)").await;
    world.write(Write::Insert, "Extra", &["A", "N"], vec!["a".into(), 1.into()]).await;
    world.write(Write::Insert, "Orders", &["Id", "V"], vec![2.into(), 20.into()]).await;
    world.write(Write::Delete, "Orders", &["Id"], vec![1.into()]).await;
    alter(&world, "DROP TABLE Extra").await;
    alter(&world, "DROP TABLE Orders").await;
    let worker = Worker::start(&world, &config);
    topic::await_count(&world, &orders, 4).await;
    topic::await_count(&world, &extra, 1).await;
    let records = topic::read(&world, &orders).await;
    assert_eq!((&records[1].key["Id"], &records[1].value["after"]["V"]), (&2.into(), &20.into()));
    assert_eq!((&records[2].value["op"], &records[3].value), (&"d".into(), &serde_json::Value::Null));
    let records = topic::read(&world, &extra).await;
    assert_eq!((&records[0].key["A"], &records[0].value["after"]["N"]), (&"a".into(), &1.into()));
    // The table is created again with another key while the worker runs.
    alter(&world, "CREATE TABLE Orders (Name STRING(10) NOT NULL, V INT64) PRIMARY KEY (Name)").await;
    world.write(Write::Insert, "Orders", &["Name", "V"], vec!["x".into(), 1.into()]).await;
    let records = topic::await_records(&world, &orders, 5).await;
    assert_eq!((&records[4].key["Name"], &records[4].value["after"]["V"]), (&"x".into(), &1.into()));
    assert!(records[4].key.get("Id").is_none() && records[4].value["after"].get("Id").is_none());
    worker.stop().await;
}

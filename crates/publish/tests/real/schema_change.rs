//! A table that changes while it is published.

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;
use spanbridge_publish::ErrorKind;
use spanbridge_schema::Schema;

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
async fn a_new_column_is_published_and_an_incompatible_one_stops_the_pipeline() {
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

    // Somebody has taken the next column's name, as a number.
    let taken = Schema::parse(
        r#"{"type":"record","name":"Value","namespace":"Orders","fields":[{"name":"Id","type":"long"},
            {"name":"V","type":["null","long"],"default":null},
            {"name":"Colour","type":["null","string"],"default":null},
            {"name":"Shade","type":["null","long"],"default":null}]}"#,
    );
    world.registry.register(&format!("{topic}-value"), &taken.unwrap()).await.unwrap();
    alter(&world, "ALTER TABLE Orders ADD COLUMN Shade STRING(MAX)").await;
    let shaded = vec![Value::Int64(3), "dark".into()];
    world.write(Write::Insert, "Orders", &["Id", "Shade"], shaded).await;
    let error = worker.error().await;
    assert_eq!(error.kind(), ErrorKind::Schema, "{error}");
    let text = error.to_string();
    assert!(text.contains("table Orders") && text.contains("Shade") && text.contains("rule"), "{text}");
    assert_eq!(topic::records(&world, &topic).await.len(), 2);
}

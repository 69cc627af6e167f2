//! Topics by pattern: those that are created later, and partitions that are added, while the worker runs.

use std::collections::BTreeMap;

use spanbridge_kafka::{Admin, Message};
use spanbridge_protocol::value::Value;
use spanbridge_testbed::child_process::Service;
use spanbridge_verify::rows;

use super::bed::bed;
use super::world::{Choices, LIMIT, World, wait_for};

/// Each record is a row of its own, and a second time would be a dead letter.
const PIPELINE: &str = r#"
[[ingest]]
name = "pattern-{id}"
topics_pattern = "^seen-{id}-.*"
value = { format = "string" }
[[ingest.table]]
table = "Seen"
mode = "insert"
columns = { Topic = "topic", SourcePartition = "partition", SourceOffset = "offset", Value = "value" }
"#;

#[tokio::test]
async fn topics_and_partitions_are_picked_up_while_running() {
    let bed = bed().await;
    let choices = Choices { pipelines: PIPELINE, ..Choices::default() };
    let world = World::with(bed.kafka().unwrap(), bed.spanner().unwrap(), bed, choices).await;
    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    let topics = ["early", "late"].map(|name| format!("seen-{}-{name}", world.id));
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;

    let mut expected: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for (topic, partitions) in [(&topics[0], 0..2), (&topics[1], 0..1), (&topics[0], 2..4)] {
        match partitions.start {
            0 => drop(admin.ensure_topic(topic, partitions.end, 1, &[]).await.unwrap()),
            _ => admin.add_partitions(topic, usize::try_from(partitions.end).unwrap()).await.unwrap(),
        }
        let mut messages = Vec::new();
        for partition in partitions {
            expected.insert((topic.clone(), partition.into()), 30);
            let message = |number: i32| Message {
                partition: Some(partition),
                ..Message::new(topic.as_str())
                    .with_key("k")
                    .with_value(format!("value {number}").into_bytes())
            };
            messages.extend((0..30).map(message));
        }
        world.send(&messages).await;
        wait_for("rows of every partition", async || {
            ingest.check_running().unwrap();
            seen(&world).await == expected
        })
        .await;
    }
    let letters =
        spanbridge_verify::positions::count_dead_letters(&world.database, &format!("pattern-{}", world.id))
            .await;
    assert!(letters.unwrap().is_empty());
}

/// Rows by topic and partition.
async fn seen(world: &World) -> BTreeMap<(String, i64), i64> {
    let table = world.database.table("Seen").await.unwrap().unwrap();
    let mut counts = BTreeMap::new();
    for key in rows::read(&world.database, &table).await.unwrap().into_keys() {
        let [Value::String(topic), Value::Int64(partition), _] = &key[..] else { panic!("{key:?}") };
        *counts.entry((topic.clone(), *partition)).or_default() += 1;
    }
    counts
}

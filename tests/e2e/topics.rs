//! Topics by pattern: topics that are created and partitions that are added while the worker runs.

use std::collections::BTreeMap;

use spanbridge_kafka::{Admin, Message};
use spanbridge_protocol::value::Value;
use spanbridge_testbed::child_process::Service;
use spanbridge_verify::rows;

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::shared_testbed::testbed;

/// A pipeline that inserts one row per record, so that a repeated record would become a dead letter.
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
async fn new_topics_and_partitions_are_read_while_running() {
    let testbed = testbed().await;
    let choices = FixtureOptions { pipelines: PIPELINE, ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    let admin = Admin::new(&fixture.kafka, TIMEOUT).unwrap();
    let topics = ["early", "late"].map(|name| format!("seen-{}-{name}", fixture.id));
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;

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
        fixture.send(&messages).await;
        wait_for("rows of every partition", async || {
            ingest.check_running().unwrap();
            count_rows(&fixture).await == expected
        })
        .await;
    }
    let added = ingest.metrics().await.unwrap();
    let labels = format!("topic=\"{}\"", topics[0]);
    assert!(added.sum("spanbridge_ingest_added_partitions_total", &[&labels]) > 0.0, "{}", ingest.log_tail());
    let dead_letters = spanbridge_verify::positions::count_dead_letters(
        &fixture.database,
        &format!("pattern-{}", fixture.id),
    )
    .await;
    assert!(dead_letters.unwrap().is_empty());
}

/// Counts rows by topic and partition.
async fn count_rows(fixture: &Fixture) -> BTreeMap<(String, i64), i64> {
    let table = fixture.database.table("Seen").await.unwrap().unwrap();
    let mut counts = BTreeMap::new();
    for key in rows::read(&fixture.database, &table).await.unwrap().into_keys() {
        let [Value::String(topic), Value::Int64(partition), _] = &key[..] else { panic!("{key:?}") };
        *counts.entry((topic.clone(), *partition)).or_default() += 1;
    }
    counts
}

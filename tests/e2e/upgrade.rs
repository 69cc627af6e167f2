//! Stored state of a newer version of the program.

use std::process::Stdio;

use spanbridge_kafka::{Message, Producer};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, TIMEOUT};
use super::shared_testbed::testbed;

/// Runs a service until it exits, and requires exit code 2 and this text.
async fn refuses(fixture: &Fixture, service: &str, expected: &[&str]) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_spanbridge"));
    command.args([service, "--listen", "127.0.0.1:0", "--config"]).arg(fixture.config());
    let output = command.env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(TIMEOUT, output).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(expected.iter().all(|expected| text.contains(expected)), "{text}");
}

#[tokio::test]
async fn ingest_refuses_tables_of_a_newer_version() {
    let fixture = Fixture::new(testbed().await).await;
    let newer = Mutation {
        write: Write::Insert,
        table: "BridgeSchemaVersion".into(),
        columns: ["Version".to_owned(), "AppliedAt".to_owned()].into(),
        rows: vec![vec![Value::Int64(99), Value::CommitTimestamp]],
    };
    fixture.database.commit(vec![newer], CommitOptions::default()).await.unwrap();
    refuses(&fixture, "ingest", &["SB-INGEST-NEWER-TABLES", "version 99"]).await;
}

#[tokio::test]
async fn publish_refuses_state_of_a_newer_version() {
    let fixture = Fixture::new(testbed().await).await;
    let publish = fixture.start_ready(Service::Publish, "publish").await;
    publish.stop(TIMEOUT).await.unwrap();
    let record = Message {
        topic: format!("{}.spanbridge-state", fixture.pipeline(Service::Publish)).into(),
        partition: Some(2),
        key: Some(b"\"future\"".to_vec()),
        value: Some(b"{}".to_vec()),
        headers: vec![("spanbridge-state-version".to_owned(), Some(b"99".to_vec()))],
        timestamp_ms: None,
    };
    let producer = Producer::new(&fixture.kafka, TIMEOUT).unwrap();
    producer.send(&record).await.unwrap();
    producer.flush().await.unwrap();
    refuses(&fixture, "publish", &["SB-PUBLISH-NEWER-STATE", "version 99"]).await;
}

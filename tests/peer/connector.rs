//! Publishes the workload with Debezium's connector.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value as Json, json};
use spanbridge_kafka::ClientOptions;
use spanbridge_testbed::{Connect, Testbed};

use super::event::{self, Event, Key};
use super::workload::STREAM;
use super::{POLL_INTERVAL, Source, TIMEOUT, database_name};

/// A running connector.
pub(crate) struct Connector {
    url: String,
    name: String,
}

impl Connector {
    pub(crate) async fn start(
        connect: &Connect,
        testbed: &Testbed,
        source: &Source,
        capture: &str,
        full: bool,
    ) -> Self {
        let name = format!("debezium-{}", database_name(capture));
        let converter = "org.apache.kafka.connect.json.JsonConverter";
        let config = json!({
            "connector.class": "io.debezium.connector.spanner.SpannerConnector",
            // By default the connector has at least two tasks.
            "tasks.min": "1",
            "tasks.max": "1",
            "topic.prefix": name,
            "gcp.spanner.project.id": "test",
            "gcp.spanner.instance.id": "test",
            "gcp.spanner.database.id": database_name(capture),
            "gcp.spanner.change.stream": STREAM,
            "gcp.spanner.emulator.host": format!("http://{}", testbed.spanner().unwrap().grpc()),
            "gcp.spanner.start.time": source.workload.start.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true),
            "connector.spanner.sync.kafka.bootstrap.servers": testbed.kafka().unwrap().bootstrap(),
            "provide.transaction.metadata": full.to_string(),
            "heartbeat.interval.ms": "300000",
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
            "key.converter": converter,
            "key.converter.schemas.enable": full.to_string(),
            "value.converter": converter,
            "value.converter.schemas.enable": full.to_string(),
        });
        let body = json!({ "name": name, "config": config });
        let answer = reqwest::Client::new().post(format!("{}/connectors", connect.url()));
        let answer = answer.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        Self { url: format!("{}/connectors/{name}", connect.url()), name }
    }

    /// Waits until there are `count` events, deletes the connector, and returns the events.
    pub(crate) async fn finish(self, client: &ClientOptions, count: usize) -> BTreeMap<Key, Event> {
        let end = Instant::now() + TIMEOUT;
        loop {
            let events = event::read(client, &self.name).await;
            if events.keys().filter(|(table, ..)| *table != event::TRANSACTION).count() >= count {
                let gone = reqwest::Client::new().delete(&self.url).send().await.unwrap();
                assert!(gone.status().is_success(), "{}", gone.status());
                return events;
            }
            let status = reqwest::get(format!("{}/status", self.url)).await.unwrap();
            let status: Json = status.json().await.unwrap();
            assert!(
                Instant::now() < end && !status.to_string().contains("FAILED"),
                "{} of {count} events: {status:#}",
                events.len()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

//! Publishes the workload with Spanbridge.

use std::collections::BTreeMap;

use spanbridge_kafka::ClientOptions;
use spanbridge_testbed::Testbed;
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};

use super::event::{self, Event, Key};
use super::workload::STREAM;
use super::{POLL_INTERVAL, Source, TIMEOUT, database_name};

/// The topics of a Spanbridge pipeline.
pub(crate) struct Pipeline {
    name: String,
}

impl Pipeline {
    /// Publishes the whole workload in JSON.
    pub(crate) async fn publish(testbed: &Testbed, source: &Source, capture: &str, full: bool) -> Self {
        let name = format!("ours-{}", database_name(capture));
        publish(testbed, source, &name, "json", full).await;
        Self { name }
    }

    pub(crate) async fn events(&self, client: &ClientOptions) -> BTreeMap<Key, Event> {
        event::read(client, &self.name).await
    }
}

/// Runs a pipeline until it reaches its end.
pub(crate) async fn publish(testbed: &Testbed, source: &Source, name: &str, format: &str, full: bool) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("spanbridge.toml");
    let (kafka, grpc) = (testbed.kafka().unwrap().bootstrap(), testbed.spanner().unwrap().grpc());
    let (database, registry) = (&source.options.database, testbed.registry().unwrap().url());
    let (start, end) = (source.workload.start.to_rfc3339(), source.workload.end.to_rfc3339());
    let transactions = if full { "transaction_topic = \"{name}.transaction\"\n" } else { "" };
    let text = format!(
        "[kafka]\nbootstrap_servers = \"{kafka}\"\n[spanner]\ndatabase = \"{database}\"\n\
         emulator_host = \"{grpc}\"\n[registry]\nurl = \"{registry}\"\n[[publish]]\nname = \"{name}\"\n\
         change_stream = \"{STREAM}\"\ncompatible = \"debezium\"\nstart = \"{start}\"\nend = \"{end}\"\n\
         heartbeat = \"100ms\"\nshards = 1\nkey = {{ format = \"{format}\" }}\nvalue = {{ format = \"{format}\" }}\n\
         create_topics = {{ partitions = 1, replication_factor = 1 }}\n{transactions}"
    );
    std::fs::write(&config, text).unwrap();
    let setup = WorkerSetup {
        executable: env!("CARGO_BIN_EXE_spanbridge").into(),
        config,
        folder: folder.path().to_owned(),
        environment: Vec::new(),
    };
    let mut worker = WorkerProcess::start(&setup, Service::Publish, "worker").unwrap();
    let exited = async {
        loop {
            match worker.exit_status().unwrap() {
                Some(status) => return status,
                None => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    };
    let status = tokio::time::timeout(TIMEOUT, exited).await;
    assert!(status.is_ok_and(|status| status.success()), "{}", worker.log_tail());
}

//! Publishes the same changes with Debezium's Spanner connector and with Spanbridge, and compares the records field by
//! field. `differences` lists each permitted difference with its reason.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod compare;
mod connector;
mod differences;
mod event;
mod pipeline;
mod schema;
mod workload;

use std::time::Duration;

use spanbridge_kafka::ClientOptions;
use spanbridge_spanner::{Admin, Database, ErrorKind, Options};
use spanbridge_testbed::{Connect, Testbed};

use compare::Comparison;
use connector::Connector;
use differences::{DIFFERENCES, Difference};
use pipeline::Pipeline;
use workload::{CAPTURES, Workload};

/// The timeout of every wait, much longer than any wait takes.
const TIMEOUT: Duration = Duration::from_secs(240);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A database with a change stream of one value capture type.
struct Source {
    options: Options,
    workload: Workload,
}

impl Source {
    async fn new(testbed: &Testbed, capture: &str) -> Self {
        let spanner = testbed.spanner().unwrap();
        let name = format!("projects/test/instances/test/databases/{}", database_name(capture));
        let options = Options::emulator(name, spanner.grpc(), spanner.rest());
        let admin = Admin::connect(&options).await.unwrap();
        match admin.create_instance().await {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{error}"),
            _ => {}
        }
        admin.create_database(&workload::ddl(capture)).await.unwrap();
        let workload = Workload::run(&Database::connect(&options).await.unwrap()).await;
        Self { options, workload }
    }
}

fn database_name(capture: &str) -> String {
    capture.to_ascii_lowercase().replace('_', "-")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_equal_those_of_debezium_except_for_listed_differences() {
    let testbed = Testbed::start(spanbridge_testbed::Options::all()).await.unwrap();
    let kafka = testbed.kafka().unwrap();
    let client = ClientOptions::new(kafka.bootstrap(), "test");
    let connect = Connect::start(kafka).await.unwrap();
    let mut comparison = Comparison::default();
    for (number, capture) in CAPTURES.into_iter().enumerate() {
        let source = Source::new(&testbed, capture).await;
        // The first run has all topics and schemas. The others are as most users run it, without schemas.
        let full = number == 0;
        let theirs = Connector::start(&connect, &testbed, &source, capture, full).await;
        let ours = Pipeline::publish(&testbed, &source, capture, full).await;
        let count =
            ours.events(&client).await.keys().filter(|(table, ..)| *table != event::TRANSACTION).count();
        let theirs = theirs.finish(&client, count).await;
        let ours = ours.events(&client).await;
        comparison.events(capture, &theirs, &ours);
        if full {
            schema::compare(&theirs, &testbed, &source, &mut comparison).await;
        }
    }
    let Comparison { seen, mut wrong } = comparison;
    for difference in DIFFERENCES {
        if !seen.contains(difference.path) {
            let Difference { path, why, .. } = difference;
            wrong.push(format!("{path} is listed as a difference ({why}), but does not differ"));
        }
    }
    let page = include_str!("../../docs/how-to/from-debezium.md").replace(['`', '\n'], "");
    for Difference { path, why, .. } in DIFFERENCES {
        if !page.contains(why) {
            wrong.push(format!("docs/how-to/from-debezium.md does not give the reason for {path}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

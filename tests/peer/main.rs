//! The same changes through io.debezium's Spanner connector and through ours: field by field the same, but for
//! what a table lists with its reason.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compare;
mod connector;
mod differences;
mod event;
mod ours;
mod schema;
mod workload;

use std::time::Duration;

use spanbridge_kafka::ClientOptions;
use spanbridge_spanner::{Admin, Database, ErrorKind, Options};
use spanbridge_testbed::{Connect, Testbed};

use compare::Comparison;
use connector::Connector;
use differences::{DIFFERENCES, Difference};
use ours::Ours;
use workload::{CAPTURES, Workload};

/// Bounds a wait; what is waited for comes much sooner.
const LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(100);

/// One database with its change stream, of one value capture type.
struct Source {
    options: Options,
    workload: Workload,
}

impl Source {
    async fn new(bed: &Testbed, capture: &str) -> Self {
        let spanner = bed.spanner().unwrap();
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
async fn what_debezium_publishes_is_published_alike() {
    let bed = Testbed::start(spanbridge_testbed::Options::all()).await.unwrap();
    let kafka = bed.kafka().unwrap();
    let client = ClientOptions::new(kafka.bootstrap(), "test");
    let connect = Connect::start(kafka).await.unwrap();
    let mut comparison = Comparison::default();
    for (number, capture) in CAPTURES.into_iter().enumerate() {
        let source = Source::new(&bed, capture).await;
        // The first has all that there is; the others are as most have it, without schemas.
        let full = number == 0;
        let theirs = Connector::start(&connect, &bed, &source, capture, full).await;
        let ours = Ours::publish(&bed, &source, capture, full).await;
        let count =
            ours.events(&client).await.keys().filter(|(table, ..)| *table != event::TRANSACTION).count();
        let theirs = theirs.finish(&client, count).await;
        let ours = ours.events(&client).await;
        comparison.events(capture, &theirs, &ours);
        if full {
            schema::compare(&theirs, &bed, &source, &mut comparison).await;
        }
    }
    let Comparison { seen, mut wrong } = comparison;
    for difference in DIFFERENCES {
        if !seen.contains(difference.path) {
            let Difference { path, why, .. } = difference;
            wrong.push(format!("{path} is listed as a difference ({why}), and there is none"));
        }
    }
    let page = include_str!("../../docs/how-to/from-debezium.md").replace(['`', '\n'], "");
    for Difference { path, why, .. } in DIFFERENCES {
        if !page.contains(why) {
            wrong.push(format!("docs/how-to/from-debezium.md does not say of {path}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

//! The memory of publish while hundreds of tokens deliver more than Kafka accepts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_kafka::Reader;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Source};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::in_doubt::without_constraints;
use super::shared_testbed::testbed;

const TOKENS: u32 = 300;
/// The number of rows, each of which is one record.
const ROWS: u32 = 900;
/// The size of a row in bytes.
const ROW_BYTES: usize = 320 << 10;
const PIPELINE: &str = "[[publish]]\nname = \"wide-{id}\"\nchange_stream = \"WideStream\"\nshards = 1\n\
    key = { format = \"json\" }\nvalue = { format = \"json\" }\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n";

/// A long session timeout, so that the worker keeps its shard while the broker is frozen.
const LONG_SESSION: &str = "\"session.timeout.ms\" = \"120000\"";

/// The bound for changes that are read ahead, in bytes; see docs/reference/publish.md.
const MAX_AHEAD: usize = 64 << 20;
/// The bound for the queue of a shard, in bytes; see docs/reference/publish.md.
const MAX_QUEUED: usize = 48 << 20;
/// The amount by which one record and its envelope may exceed a bound, which is checked before the record.
const MAX_EXCESS: usize = 3 * (ROW_BYTES + (16 << 10));

/// The bytes in the memory of a worker, by its own metrics.
#[derive(Debug, Default)]
struct MemoryUse {
    ahead: usize,
    queued: usize,
}

impl MemoryUse {
    /// Reads the metrics and checks the bounds.
    async fn read(worker: &WorkerProcess) -> Self {
        let metrics = worker.metrics().await.unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A gauge of bytes.
        let of =
            |state: &str| metrics.sum("spanbridge_publish_held_bytes", &["pipeline=\"wide", state]) as usize;
        let held = Self { ahead: of("state=\"ahead\""), queued: of("state=\"queued\"") };
        assert!(held.ahead <= MAX_AHEAD + MAX_EXCESS && held.queued <= MAX_QUEUED + MAX_EXCESS, "{held:?}");
        held
    }

    fn max(self, other: &Self) -> Self {
        Self { ahead: self.ahead.max(other.ahead), queued: self.queued.max(other.queued) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_memory_stays_bounded_when_kafka_is_slower_than_hundreds_of_tokens() {
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let (at, choices) = (
        [fake_spanner.grpc(), fake_spanner.rest()],
        FixtureOptions { pipelines: PIPELINE, kafka: LONG_SESSION, ..FixtureOptions::default() },
    );
    let mut ddl = without_constraints();
    ddl.push("CREATE TABLE Wide (Id INT64 NOT NULL, Text STRING(MAX)) PRIMARY KEY (Id)".to_owned());
    ddl.push("CREATE CHANGE STREAM WideStream FOR Wide".to_owned());
    let fixture = Fixture::at(&kafka, [&at[0], &at[1]], &ddl, testbed().await, choices).await;
    let changes = fake_spanner.change_stream(&fixture.database.name().to_string(), "WideStream").unwrap();

    let publish = fixture.start_ready(Service::Publish, "publish").await;
    let tokens = changes.split(&changes.live().unwrap()[0], TOKENS).unwrap();
    wait_for("query of each token", async || {
        changes.tokens().unwrap().iter().filter(|token| token.is_live && token.queries > 0).count()
            == tokens.len()
    })
    .await;
    let idle = publish.resource_usage().unwrap().peak_memory;
    for token in &tokens {
        changes.hold(token, 0).unwrap();
    }
    for id in 0..i64::from(ROWS) {
        let row = vec![id.into(), format!("{id:08}").repeat(ROW_BYTES / 8).into()];
        let columns: Arc<[String]> = ["Id", "Text"].map(str::to_owned).into();
        let insert = Mutation { write: Write::Insert, table: "Wide".into(), columns, rows: vec![row] };
        fixture.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    }

    // All rows are committed at once, while Kafka accepts nothing.
    let broker = Pid::from_raw(i32::try_from(kafka.pid().unwrap()).unwrap()).unwrap();
    kill_process(broker, Signal::STOP).unwrap();
    for token in &tokens {
        changes.release(token).unwrap();
    }
    let mut most = MemoryUse::default();
    wait_for("full queue", async || {
        most = MemoryUse::read(&publish).await.max(&most);
        // The queue holds two transactions when the one in progress has no data. A full queue stops reading ahead.
        most.queued > MAX_QUEUED / 2
    })
    .await;
    kill_process(broker, Signal::CONT).unwrap();
    wait_for("record of every row", async || {
        most = MemoryUse::read(&publish).await.max(&most);
        let metrics = publish.metrics().await.unwrap();
        metrics.sum("spanbridge_publish_records_total", &["table=\"Wide\""]) >= f64::from(ROWS)
    })
    .await;
    assert_eq!(count_published(&fixture).await, (0..ROWS.into()).map(|id| (id, 1)).collect());
    let mebibytes = |bytes: u64| bytes >> 20;
    let of = |bytes: usize| mebibytes(u64::try_from(bytes).unwrap());
    println!(
        "{TOKENS} tokens with {} MiB: at most {} MiB read ahead and {} MiB queued; the worker's memory {} MiB idle, {} MiB \
         at most",
        of(usize::try_from(ROWS).unwrap() * ROW_BYTES),
        of(most.ahead),
        of(most.queued),
        mebibytes(idle),
        mebibytes(publish.resource_usage().unwrap().peak_memory),
    );
    publish.stop(TIMEOUT).await.unwrap();
}

/// Counts how many times each row is published.
async fn count_published(fixture: &Fixture) -> BTreeMap<i64, u32> {
    let reader = Reader::new(&fixture.kafka, TIMEOUT).unwrap();
    let mut rows = BTreeMap::new();
    for record in reader.read_to_end(&format!("wide-{}.Wide", fixture.id)).await.unwrap() {
        let key: serde_json::Value = serde_json::from_slice(&record.key.unwrap()).unwrap();
        *rows.entry(key["Id"].as_i64().unwrap()).or_default() += 1;
    }
    rows
}

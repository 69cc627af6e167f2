//! What publish holds in memory while hundreds of tokens have more to give than Kafka takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use spanbridge_fake_spanner::FakeSpanner;
use spanbridge_kafka::Reader;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Source};

use super::bed::bed;
use super::doubt::without_constraints;
use super::world::{Choices, LIMIT, World, wait_for};

const TOKENS: u32 = 300;
/// Rows, of which each is a record, and the bytes of one.
const ROWS: u32 = 900;
const ROW: usize = 320 << 10;
const PIPELINE: &str = "[[publish]]\nname = \"wide-{id}\"\nchange_stream = \"WideStream\"\nshards = 1\n\
    key = { format = \"json\" }\nvalue = { format = \"json\" }\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n";

/// The worker keeps its shard while the broker stands still.
const PATIENT: &str = "\"session.timeout.ms\" = \"120000\"";

/// Bounds in docs/reference/publish.md: read ahead, and queued by one shard; and what a record, before which they are asked, may be
/// beyond them, with its envelope.
const AHEAD: usize = 64 << 20;
const QUEUED: usize = 48 << 20;
const BEYOND: usize = 3 * (ROW + (16 << 10));

/// Bytes that the worker holds, by its own count.
#[derive(Debug, Default)]
struct Held {
    ahead: usize,
    queued: usize,
}

impl Held {
    /// Checks the bounds.
    async fn of(worker: &WorkerProcess) -> Self {
        let metrics = worker.metrics().await.unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A gauge of bytes.
        let of =
            |state: &str| metrics.sum("spanbridge_publish_held_bytes", &["pipeline=\"wide", state]) as usize;
        let held = Self { ahead: of("state=\"ahead\""), queued: of("state=\"queued\"") };
        assert!(held.ahead <= AHEAD + BEYOND && held.queued <= QUEUED + BEYOND, "{held:?}");
        held
    }

    fn or_more(self, other: &Self) -> Self {
        Self { ahead: self.ahead.max(other.ahead), queued: self.queued.max(other.queued) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_tokens_that_kafka_cannot_keep_up_with_stay_within_their_bounds() {
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let (at, choices) = (
        [fake_spanner.grpc(), fake_spanner.rest()],
        Choices { pipelines: PIPELINE, kafka: PATIENT, ..Choices::default() },
    );
    let mut ddl = without_constraints();
    ddl.push("CREATE TABLE Wide (Id INT64 NOT NULL, Text STRING(MAX)) PRIMARY KEY (Id)".to_owned());
    ddl.push("CREATE CHANGE STREAM WideStream FOR Wide".to_owned());
    let world = World::at(&kafka, [&at[0], &at[1]], &ddl, bed().await, choices).await;
    let changes = fake_spanner.change_stream(&world.database.name().to_string(), "WideStream").unwrap();

    let publish = world.start_ready(Service::Publish, "publish").await;
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
        let row = vec![id.into(), format!("{id:08}").repeat(ROW / 8).into()];
        let columns: Arc<[String]> = ["Id", "Text"].map(str::to_owned).into();
        let insert = Mutation { write: Write::Insert, table: "Wide".into(), columns, rows: vec![row] };
        world.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    }

    // All of it at once, while Kafka takes nothing.
    let broker = Pid::from_raw(i32::try_from(kafka.pid().unwrap()).unwrap()).unwrap();
    kill_process(broker, Signal::STOP).unwrap();
    for token in &tokens {
        changes.release(token).unwrap();
    }
    let mut most = Held::default();
    wait_for("full queue", async || {
        most = Held::of(&publish).await.or_more(&most);
        // Two transactions, when the one on its way has no data. Nothing more is read ahead of a full queue.
        most.queued > QUEUED / 2
    })
    .await;
    kill_process(broker, Signal::CONT).unwrap();
    wait_for("record of every row", async || {
        most = Held::of(&publish).await.or_more(&most);
        let metrics = publish.metrics().await.unwrap();
        metrics.sum("spanbridge_publish_records_total", &["table=\"Wide\""]) >= f64::from(ROWS)
    })
    .await;
    assert_eq!(rows(&world).await, (0..ROWS.into()).map(|id| (id, 1)).collect());
    let mebibytes = |bytes: u64| bytes >> 20;
    let of = |bytes: usize| mebibytes(u64::try_from(bytes).unwrap());
    println!(
        "{TOKENS} tokens with {} MiB: at most {} MiB read ahead and {} MiB queued; the worker's memory {} MiB idle, {} MiB \
         at most",
        of(usize::try_from(ROWS).unwrap() * ROW),
        of(most.ahead),
        of(most.queued),
        mebibytes(idle),
        mebibytes(publish.resource_usage().unwrap().peak_memory),
    );
    publish.stop(LIMIT).await.unwrap();
}

/// How often each row is published.
async fn rows(world: &World) -> BTreeMap<i64, u32> {
    let reader = Reader::new(&world.kafka, LIMIT).unwrap();
    let mut rows = BTreeMap::new();
    for record in reader.read_to_end(&format!("wide-{}.Wide", world.id)).await.unwrap() {
        let key: serde_json::Value = serde_json::from_slice(&record.key.unwrap()).unwrap();
        *rows.entry(key["Id"].as_i64().unwrap()).or_default() += 1;
    }
    rows
}

//! How far the services have come, seen from outside: by what stands in Spanner and in Kafka.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanbridge_kafka::{ClientOptions, ErrorKind, Reader};
use spanbridge_spanner::Database;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Result, positions};

/// Between two looks.
const POSITIONS: Duration = Duration::from_millis(100);
const TOPICS: Duration = Duration::from_millis(250);
/// The longest wait for a transaction that a killed worker has left open.
const LIMIT: Duration = Duration::from_secs(10);

/// What was seen last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Records that ingest has applied.
    pub(super) ingested: u64,
    /// Changes that publish has committed, by topic.
    pub(super) published: BTreeMap<String, u64>,
    /// Why the last look saw nothing.
    pub(super) trouble: Option<String>,
}

/// Looks at both until it is dropped.
pub(super) struct Watch {
    seen: watch::Receiver<Seen>,
    tasks: [JoinHandle<()>; 2],
}

impl Watch {
    pub(super) fn start(
        database: &Database,
        pipeline: &str,
        kafka: &ClientOptions,
        topics: &[String],
    ) -> Result<Self> {
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        let reader = Reader::new(kafka, LIMIT)?;
        let counters = topics.iter().map(|topic| Counter::new(reader.clone(), topic)).collect();
        let tasks = [
            tokio::spawn(positions(sender.clone(), database.clone(), pipeline.to_owned())),
            tokio::spawn(published(sender, counters)),
        ];
        Ok(Self { seen, tasks })
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn positions(sender: Arc<watch::Sender<Seen>>, database: Database, pipeline: String) {
    loop {
        let looked = positions::read(&database, &pipeline).await;
        sender.send_modify(|seen| match looked {
            Ok(positions) => seen.ingested = positions::applied(&positions),
            Err(error) => seen.trouble = Some(error.to_string()),
        });
        tokio::time::sleep(POSITIONS).await;
    }
}

async fn published(sender: Arc<watch::Sender<Seen>>, mut counters: Vec<Counter>) {
    loop {
        for counter in &mut counters {
            let looked = counter.look().await;
            sender.send_modify(|seen| match looked {
                Ok(()) => {
                    seen.published.insert(counter.topic.clone(), counter.count);
                }
                Err(error) => seen.trouble = Some(error.to_string()),
            });
        }
        tokio::time::sleep(TOPICS).await;
    }
}

/// Counts the committed records of a topic, each once.
struct Counter {
    reader: Reader,
    topic: String,
    /// Where the next look begins, by partition.
    next: BTreeMap<i32, i64>,
    count: u64,
}

impl Counter {
    fn new(reader: Reader, topic: &str) -> Self {
        Self { reader, topic: topic.to_owned(), next: BTreeMap::new(), count: 0 }
    }

    async fn look(&mut self) -> spanbridge_kafka::Result<()> {
        let mut spans = match self.reader.spans(&self.topic).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            spans => spans?,
        };
        for span in &mut spans {
            if let Some(next) = self.next.get(&span.tp.partition) {
                span.start = *next;
            }
        }
        let ends: Vec<_> = spans.iter().map(|span| (span.tp.partition, span.end)).collect();
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let count_one = move |record: spanbridge_kafka::Record| {
            counted.fetch_add(u64::from(record.value.is_some()), Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        self.reader.read(spans, count_one).await?;
        // Only when all was read: otherwise the next look reads it again.
        self.count += count.load(Ordering::Relaxed);
        self.next.extend(ends);
        Ok(())
    }
}

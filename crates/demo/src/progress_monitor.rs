//! Monitors the progress of the services from outside, by reading positions in Spanner and records in Kafka.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spanbridge_kafka::{ClientOptions, ErrorKind, Reader};
use spanbridge_spanner::Database;
use spanbridge_verify::positions;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::Result;

/// The time between two reads of the positions.
const POSITIONS_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The time between two reads of the topics.
const TOPICS_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The longest wait for a transaction that a killed worker has left open.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The latest progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The number of records that ingest has applied.
    pub(super) ingested: u64,
    /// The number of changes that publish has committed, by topic.
    pub(super) published: BTreeMap<String, u64>,
    /// The last error of a read.
    pub(super) last_error: Option<String>,
}

/// Reads the progress in two background tasks until it is dropped.
pub(super) struct ProgressMonitor {
    progress: watch::Receiver<Progress>,
    tasks: [JoinHandle<()>; 2],
}

impl ProgressMonitor {
    pub(super) fn start(
        database: &Database,
        pipeline: &str,
        kafka: &ClientOptions,
        topics: &[String],
    ) -> Result<Self> {
        let (sender, progress) = watch::channel(Progress::default());
        let sender = Arc::new(sender);
        let reader = Reader::new(kafka, READ_TIMEOUT)?;
        let counters = topics.iter().map(|topic| TopicCounter::new(reader.clone(), topic)).collect();
        let tasks = [
            tokio::spawn(monitor_positions(sender.clone(), database.clone(), pipeline.to_owned())),
            tokio::spawn(monitor_topics(sender, counters)),
        ];
        Ok(Self { progress, tasks })
    }

    /// Returns the latest progress.
    pub(super) fn latest(&self) -> Progress {
        self.progress.borrow().clone()
    }
}

impl Drop for ProgressMonitor {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn monitor_positions(sender: Arc<watch::Sender<Progress>>, database: Database, pipeline: String) {
    loop {
        let positions = positions::read(&database, &pipeline).await;
        sender.send_modify(|progress| match positions {
            Ok(positions) => progress.ingested = positions::count_applied(&positions),
            Err(error) => progress.last_error = Some(error.to_string()),
        });
        tokio::time::sleep(POSITIONS_POLL_INTERVAL).await;
    }
}

async fn monitor_topics(sender: Arc<watch::Sender<Progress>>, mut counters: Vec<TopicCounter>) {
    loop {
        for counter in &mut counters {
            let counted = counter.count_new_records().await;
            sender.send_modify(|progress| match counted {
                Ok(()) => {
                    progress.published.insert(counter.topic.clone(), counter.count);
                }
                Err(error) => progress.last_error = Some(error.to_string()),
            });
        }
        tokio::time::sleep(TOPICS_POLL_INTERVAL).await;
    }
}

/// Counts the committed records of a topic, each once, without tombstones.
struct TopicCounter {
    reader: Reader,
    topic: String,
    /// The next offset to read, by partition.
    next: BTreeMap<i32, i64>,
    count: u64,
}

impl TopicCounter {
    fn new(reader: Reader, topic: &str) -> Self {
        Self { reader, topic: topic.to_owned(), next: BTreeMap::new(), count: 0 }
    }

    async fn count_new_records(&mut self) -> spanbridge_kafka::Result<()> {
        let mut spans = match self.reader.ranges(&self.topic).await {
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
        // After an error, the next call reads these records again and must not count them twice.
        self.count += count.load(Ordering::Relaxed);
        self.next.extend(ends);
        Ok(())
    }
}

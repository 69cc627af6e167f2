//! Waits until both services have processed everything, or until nothing moves any longer.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use spanbridge_kafka::{ErrorKind, Offsets, Reader, TopicPartition};
use spanbridge_verify::oracle::{self, StreamHistory};
use spanbridge_verify::positions::{self, Positions};

use crate::Result;
use crate::fleet::Fleet;
use crate::world::{INGEST, KAFKA_TIMEOUT, PARTITIONS, PIPELINES, STREAM, TABLES, TOPIC, World};

/// The time between two looks at the progress.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait for a transaction that a killed worker has left open.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The work of both services.
struct Work {
    /// The end of each source partition.
    ends: BTreeMap<(String, i64), i64>,
    /// The number of changes of each published topic.
    changes: BTreeMap<String, u64>,
}

/// The state of both services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Progress {
    positions: Positions,
    published: BTreeMap<String, u64>,
}

/// Waits until everything is processed. Returns the changes that happened, and a description of the state if there was no
/// progress for `timeout`.
pub(crate) async fn wait_until_processed(
    world: &World,
    fleets: &mut [Fleet; 2],
    timeout: Duration,
) -> Result<(StreamHistory, Option<String>)> {
    let end = world.database.now().await?;
    let happened = oracle::read(&world.database, STREAM, world.start, end).await?;
    let mut changes = BTreeMap::new();
    for (pipeline, _) in PIPELINES {
        for (table, _) in TABLES {
            let count = happened.changes.iter().filter(|change| change.id.table == table).count();
            changes.insert(topic(pipeline, table), u64::try_from(count)?);
        }
    }
    let work = Work { ends: ends(world).await?, changes };
    let reader = Reader::new(&world.client, READ_TIMEOUT)?;
    let mut progress = Progress::default();
    let mut last = Instant::now();
    loop {
        let mut now = progress.clone();
        // A failed read leaves the progress as it was.
        if let Ok(positions) = positions::read(&world.database, INGEST).await {
            now.positions = positions;
        }
        for topic in work.changes.keys() {
            if let Ok(count) = count(&reader, topic).await {
                now.published.insert(topic.clone(), count);
            }
        }
        if work.is_done(&now) {
            return Ok((happened, None));
        }
        fleets.iter_mut().try_for_each(Fleet::restart_exited)?;
        if now != progress {
            (progress, last) = (now, Instant::now());
        } else if last.elapsed() > timeout {
            let statuses = [fleets[0].statuses().await, fleets[1].statuses().await].join("\n");
            let stall = format!("no progress for {timeout:?}: {}\n{statuses}", work.remaining(&progress));
            return Ok((happened, Some(stall)));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns the end of each source partition.
pub(crate) async fn ends(world: &World) -> Result<BTreeMap<(String, i64), i64>> {
    let offsets = Offsets::new(&world.client)?;
    let mut ends = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let end = offsets.end(&TopicPartition::new(TOPIC, partition), KAFKA_TIMEOUT).await?;
        ends.insert((TOPIC.to_owned(), partition.into()), end);
    }
    Ok(ends)
}

/// Returns the topic of a table.
pub(crate) fn topic(pipeline: &str, table: &str) -> String {
    format!("{pipeline}.{table}")
}

/// Counts the committed records of a topic without tombstones.
async fn count(reader: &Reader, topic: &str) -> spanbridge_kafka::Result<u64> {
    let ranges = match reader.ranges(topic).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        ranges => ranges?,
    };
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let each = move |record: spanbridge_kafka::Record| {
        counted.fetch_add(u64::from(record.value.is_some()), Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    reader.read(ranges, each).await?;
    Ok(count.load(Ordering::Relaxed))
}

impl Work {
    fn is_done(&self, progress: &Progress) -> bool {
        let is_at_end =
            |(key, end): (_, &i64)| progress.positions.get(key).map(Vec::as_slice) == Some(&[*end][..]);
        let is_published = |(topic, count): (&String, &u64)| {
            // More than expected is for the checker.
            progress.published.get(topic).is_some_and(|published| published >= count)
        };
        self.ends.iter().all(is_at_end) && self.changes.iter().all(is_published)
    }

    fn remaining(&self, progress: &Progress) -> String {
        let positions = self.ends.iter().filter_map(|(key, end)| {
            let position = progress.positions.get(key);
            let (topic, partition) = key;
            (position.map(Vec::as_slice) != Some(&[*end][..]))
                .then(|| format!("{topic}[{partition}] ends at {end}, its positions are {position:?}"))
        });
        let topics = self.changes.iter().filter_map(|(topic, count)| {
            let published = progress.published.get(topic).copied().unwrap_or_default();
            (published < *count).then(|| format!("{topic} has {published} of {count} changes"))
        });
        positions.chain(topics).collect::<Vec<_>>().join("; ")
    }
}

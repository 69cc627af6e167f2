use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::Topics;
use spanbridge_kafka::{ErrorKind as KafkaKind, Offsets};
use spanbridge_protocol::ingest::{Partition, PartitionProgress, Position, TABLE_POSITIONS};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, Result};

use crate::log;

/// What says how far the partitions of a pipeline have come.
pub(super) struct Watched {
    pub(super) pipeline: Arc<str>,
    pub(super) topics: Topics,
    pub(super) database: Database,
    pub(super) offsets: Offsets,
}

/// A partition's row of the positions.
pub(super) struct Stored {
    pub(super) partition: Partition,
    position: Position,
    updated_at: Timestamp,
}

impl Watched {
    /// Of the topics that the pipeline reads now, in the order of their names and numbers.
    pub(super) async fn positions(&self) -> Result<Vec<Stored>> {
        let columns = [
            ("Topic", Type::String),
            ("KafkaPartition", Type::Int64),
            ("NextOffset", Type::Int64),
            ("Revision", Type::Int64),
            ("UpdatedAt", Type::Timestamp),
            ("EventTime", Type::Timestamp),
        ];
        let columns = columns.map(|(name, ty)| (name.to_owned(), ty));
        let prefix = vec![Value::from(&*self.pipeline)];
        let rows = self.database.read_prefix(TABLE_POSITIONS, &columns, prefix).await?;
        Ok(rows.into_iter().filter_map(stored).filter(|stored| self.reads(&stored.partition)).collect())
    }

    /// A topic that the file has since left out must not hold the watermark back for ever.
    fn reads(&self, partition: &Partition) -> bool {
        match &self.topics {
            Topics::Names(names) => names.iter().any(|name| name.as_str() == &*partition.topic),
            Topics::Pattern(_) => true,
        }
    }

    /// Without the partitions whose topics are gone.
    pub(super) async fn progress(
        &self,
        positions: &[Stored],
        idle: Duration,
    ) -> Result<Vec<PartitionProgress>> {
        let now = self.database.now().await?;
        let mut progress = Vec::with_capacity(positions.len());
        for Stored { partition, position, updated_at } in positions {
            let unmoved = (now - *updated_at).to_std().unwrap_or_default();
            let mut log = None;
            if unmoved >= idle {
                match log::range(&self.offsets, partition).await {
                    Ok(range) => log = Some(range),
                    Err(error) if error.kind() == KafkaKind::NotFound => continue,
                    // It counts as moving: the watermark waits.
                    Err(error) => tracing::debug!(%partition, %error, "the end of a log"),
                }
            }
            progress.push(PartitionProgress { position: *position, since_last_commit: unmoved, log });
        }
        Ok(progress)
    }
}

fn stored(row: Vec<Value>) -> Option<Stored> {
    let [
        Value::String(topic),
        Value::Int64(number),
        Value::Int64(next),
        Value::Int64(revision),
        Value::Timestamp(updated_at),
        event_time,
    ] = <[Value; 6]>::try_from(row).ok()?
    else {
        return None;
    };
    let event_time = if let Value::Timestamp(at) = event_time { Some(at) } else { None };
    let partition = Partition { topic: topic.into(), number: i32::try_from(number).ok()? };
    Some(Stored { partition, position: Position { next, revision, event_time }, updated_at })
}

use std::sync::Arc;
use std::time::Duration;

use spanbridge_config::Topics;
use spanbridge_kafka::{ErrorKind as KafkaKind, Offsets};
use spanbridge_protocol::ingest::{Partition, PartitionProgress, Position, TABLE_POSITIONS};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, Result};

use crate::partition_log;

/// Reads the progress of a pipeline's partitions, from which the watermark follows.
pub(super) struct WatermarkSource {
    pub(super) pipeline: Arc<str>,
    pub(super) topics: Topics,
    pub(super) database: Database,
    pub(super) offsets: Offsets,
}

/// The stored position of a partition.
pub(super) struct StoredPosition {
    pub(super) partition: Partition,
    position: Position,
    updated_at: Timestamp,
}

impl WatermarkSource {
    /// Reads the positions of the topics that the pipeline currently reads, in the order of topic and partition.
    ///
    /// # Errors
    /// Spanner does not answer.
    pub(super) async fn positions(&self) -> Result<Vec<StoredPosition>> {
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

    /// Returns true if the pipeline still reads the topic. A topic removed from the file must not delay the watermark.
    fn reads(&self, partition: &Partition) -> bool {
        match &self.topics {
            Topics::Names(names) => names.iter().any(|name| name.as_str() == &*partition.topic),
            Topics::Pattern(_) => true,
        }
    }

    /// Returns the progress of the partitions whose topics still exist.
    ///
    /// # Errors
    /// Spanner does not answer.
    pub(super) async fn progress(
        &self,
        positions: &[StoredPosition],
        idle: Duration,
    ) -> Result<Vec<PartitionProgress>> {
        let now = self.database.now().await?;
        let mut progress = Vec::with_capacity(positions.len());
        for StoredPosition { partition, position, updated_at } in positions {
            let unmoved = (now - *updated_at).to_std().unwrap_or_default();
            let mut log = None;
            if unmoved >= idle {
                match partition_log::range(&self.offsets, partition).await {
                    Ok(range) => log = Some(range),
                    Err(error) if error.kind() == KafkaKind::NotFound => continue,
                    // The partition counts as active, so that the watermark waits.
                    Err(error) => tracing::debug!(%partition, %error, "the end of the log could not be read"),
                }
            }
            progress.push(PartitionProgress { position: *position, since_last_commit: unmoved, log });
        }
        Ok(progress)
    }
}

fn stored(row: Vec<Value>) -> Option<StoredPosition> {
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
    Some(StoredPosition {
        partition,
        position: Position { next, revision, event_time, last_record: None },
        updated_at,
    })
}

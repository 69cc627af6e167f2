//! Partitions that wait for the registry.
//!
//! A record whose schema cannot be fetched holds its partition only. The partition is no longer fetched, and a task maps the
//! record again until the registry answers. The schema is then cached, and the partition restarts at its stored position.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_kafka::Record as KafkaRecord;
use spanbridge_protocol::ingest::Partition;
use spanbridge_service::{Part, PipelineHealth};
use tokio::task::{AbortHandle, JoinSet};

use super::super::RETRY_BACKOFF;
use crate::mapping::{MapError, Mapper};

/// The held partitions of one worker.
#[derive(Default)]
pub(super) struct Holds {
    /// One task for each held partition. It ends with the partition and the worker's generation.
    tasks: JoinSet<(Partition, u64)>,
    held: BTreeMap<Partition, AbortHandle>,
}

impl Holds {
    /// Holds a partition at this record.
    pub(super) fn add(
        &mut self,
        mapper: Arc<Mapper>,
        partition: Partition,
        generation: u64,
        record: KafkaRecord,
        health: PipelineHealth,
    ) {
        tracing::info!(%partition, offset = record.offset, "The partition waits for the registry");
        let waiting = partition.clone();
        let task = self.tasks.spawn(async move {
            let mut backoff = RETRY_BACKOFF;
            loop {
                tokio::time::sleep(backoff.next_pause()).await;
                match mapper.map(&waiting, &record).await {
                    Err(MapError::Unavailable(message)) => health.failed(Part::Registry, &message),
                    // Any other error is reported when the record is polled again.
                    _ => break,
                }
            }
            health.answered(Part::Registry);
            (waiting, generation)
        });
        if let Some(previous) = self.held.insert(partition, task) {
            previous.abort();
        }
    }

    /// Waits until the registry answers for a held partition. Returns the partition and the generation in which it was held.
    pub(super) async fn next(&mut self) -> (Partition, u64) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((partition, generation))) => {
                    self.held.remove(&partition);
                    tracing::info!(%partition, "The registry answers; the partition continues");
                    return (partition, generation);
                }
                // The partition was removed.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Forgets partitions that this worker no longer owns.
    pub(super) fn remove(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(task) = self.held.remove(partition) {
                task.abort();
            }
        }
    }
}

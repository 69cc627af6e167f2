use std::collections::BTreeMap;

use serde_json::json;
use spanbridge_kafka::{Error, ErrorKind, FetchStart, RevocationAck, Subscription};
use spanbridge_protocol::ingest::{LogMismatchKind, Offset, Partition, PartitionStop, StopReason, Worker};
use spanbridge_service::PipelineHealth;
use tokio::sync::watch;

use super::super::kafka_payload::KafkaPayload;
use crate::partition_log::topic_partition;
use crate::policy::{self, Action};

/// The partitions that the consumer group has assigned to this worker, and what happens to each.
pub(super) struct Assignment {
    pipeline: String,
    subscription: Subscription,
    /// The assigned partitions. Other tasks of the pipeline watch them.
    owned: watch::Sender<Vec<Partition>>,
    fetches: BTreeMap<Partition, Fetch>,
    /// Revocations that wait until the commit in flight has ended.
    revocations: Vec<(Vec<Partition>, RevocationAck)>,
    /// The partitions that have stopped, with the reasons.
    stops: BTreeMap<Partition, String>,
    health: PipelineHealth,
}

/// The generations of one fetch. Records of an older generation are ignored.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    /// The generation that the worker's state machine counts.
    worker: u64,
    /// The generation that the subscription counts.
    subscription: u64,
}

impl Assignment {
    pub(super) fn new(
        pipeline: String,
        subscription: Subscription,
        owned: watch::Sender<Vec<Partition>>,
        health: PipelineHealth,
    ) -> Self {
        Self {
            pipeline,
            subscription,
            owned,
            fetches: BTreeMap::new(),
            revocations: Vec::new(),
            stops: BTreeMap::new(),
            health,
        }
    }

    /// Returns whether the worker is a member of the consumer group.
    pub(super) fn is_member(&self) -> bool {
        self.subscription.is_member()
    }

    pub(super) fn len(&self) -> usize {
        self.owned.borrow().len()
    }

    pub(super) fn owns(&self, partition: &Partition) -> bool {
        self.owned.borrow().contains(partition)
    }

    pub(super) fn assign(&mut self, partitions: &[Partition]) {
        self.owned.send_modify(|owned| owned.extend(partitions.iter().cloned()));
    }

    pub(super) fn remove(&mut self, partitions: &[Partition]) {
        self.owned.send_modify(|owned| owned.retain(|owned| !partitions.contains(owned)));
        for partition in partitions {
            self.fetches.remove(partition);
            self.stops.remove(partition);
        }
    }

    /// Removes all partitions and returns them.
    pub(super) fn remove_all(&mut self) -> Vec<Partition> {
        self.owned.send_replace(Vec::new())
    }

    /// Starts to fetch a partition from an offset, in a generation of the worker. Returns false if the worker must
    /// retry.
    ///
    /// # Errors
    /// Kafka refuses for good.
    pub(super) async fn start_fetch(
        &mut self,
        partition: &Partition,
        generation: u64,
        offset: Offset,
    ) -> Result<bool, Error> {
        tracing::info!(pipeline = %self.pipeline, %partition, offset, "fetching from this offset");
        let fetch =
            self.subscription.fetch_from(&topic_partition(partition), FetchStart::Offset(offset)).await;
        match fetch {
            Ok(subscription) => {
                self.fetches.insert(partition.clone(), Fetch { worker: generation, subscription });
                Ok(true)
            }
            // An event with the revocation follows.
            Err(error) if error.kind() == ErrorKind::Revoked => {
                tracing::info!(%partition, %error, "not fetched: the partition was revoked");
                Ok(true)
            }
            Err(error) if policy::kafka(error.kind()) != Action::Stop => {
                if let Some(left_out) = self.health.next_line("fetch") {
                    tracing::warn!(pipeline = %self.pipeline, %partition, %error, left_out, "not fetched yet; retrying");
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn end_fetch(&mut self, partition: &Partition) {
        self.fetches.remove(partition);
        if let Err(error) = self.subscription.stop_fetch(&topic_partition(partition)).await {
            tracing::debug!(%partition, %error, "the fetch could not be stopped");
        }
    }

    /// Commits the next offset in the consumer group, for tools that show the lag.
    pub(super) fn mirror(&self, partition: &Partition, next: Offset) {
        self.subscription.commit([(topic_partition(partition), next)]);
    }

    /// Returns the worker's generation of a fetch, if the subscription's generation is the current one. An event
    /// without a generation concerns the current fetch.
    pub(super) fn worker_generation(&self, partition: &Partition, subscription: Option<u64>) -> Option<u64> {
        let fetch = self.fetches.get(partition)?;
        subscription.is_none_or(|generation| generation == fetch.subscription).then_some(fetch.worker)
    }

    /// Returns the fetched partitions with the worker's generations.
    pub(super) fn fetches(&self) -> impl Iterator<Item = (&Partition, u64)> {
        self.fetches.iter().map(|(partition, fetch)| (partition, fetch.worker))
    }

    pub(super) fn add_revocation(&mut self, partitions: Vec<Partition>, ack: RevocationAck) {
        self.revocations.push((partitions, ack));
    }

    /// Confirms the revocations of all partitions without a commit in flight.
    pub(super) fn finish_revocations(&mut self, worker: &Worker<KafkaPayload>) {
        for (partitions, ack) in std::mem::take(&mut self.revocations) {
            if worker.is_committing(&partitions) {
                self.revocations.push((partitions, ack));
            } else {
                ack.acknowledge();
            }
        }
    }

    /// Remembers that a partition has stopped, and logs the reason with its code and a remedy.
    pub(super) fn stop(&mut self, stop: &PartitionStop) {
        let PartitionStop { partition, offset, reason } = stop;
        let (code, help) = match reason {
            StopReason::Record(_) => {
                ("SB-INGEST-PARTITION-STOPPED", "fix the record's cause, or set on_error = \"dead-letter\"")
            }
            StopReason::Log(mismatch) => explain_mismatch(mismatch.kind),
            StopReason::PositionMissing => {
                ("SB-INGEST-POSITION-MISSING", "set the position with `spanbridge positions set`")
            }
        };
        let text = format!("{partition} has stopped at offset {offset}: {reason}; {help} [{code}]");
        tracing::error!(pipeline = %self.pipeline, "{text}");
        self.stops.insert(partition.clone(), text);
    }

    /// Reports the owned partitions to the health, each with the reason if it has stopped.
    pub(super) fn report(&self) {
        match self.stop_reasons().next() {
            Some(reason) => self.health.block(reason),
            None => self.health.unblock(),
        }
        let owned = self.owned.borrow();
        self.health.own(owned.iter().map(|partition| partition.to_string().into()));
        let partitions = owned.iter().map(|partition| {
            let reason = self.stops.get(partition);
            json!({"topic": &*partition.topic, "partition": partition.number, "stopped": reason})
        });
        self.health.set_detail("partitions", partitions.collect());
    }

    /// Returns the reasons of all stopped partitions.
    pub(super) fn stop_reasons(&self) -> impl Iterator<Item = &str> {
        self.stops.values().map(String::as_str)
    }

    /// Confirms all revocations and leaves the consumer group.
    pub(super) async fn close(mut self) {
        self.revocations.clear();
        if let Err(error) = self.subscription.close().await {
            tracing::warn!(pipeline = %self.pipeline, %error, "the consumer group could not be left");
        }
    }
}

/// Returns the code of a mismatch between position and log, and the remedy.
fn explain_mismatch(kind: LogMismatchKind) -> (&'static str, &'static str) {
    match kind {
        LogMismatchKind::Expired => {
            ("SB-INGEST-GAP", "restore the log, or accept the loss with on_gap = \"skip\"")
        }
        LogMismatchKind::Truncated => {
            ("SB-INGEST-LOG-TRUNCATED", "restore the log, or continue at its end with on_gap = \"skip\"")
        }
        LogMismatchKind::TruncatedAndGrown | LogMismatchKind::TruncatedOrReplaced => (
            "SB-INGEST-LOG-TRUNCATED",
            "find the first record that was not applied, and set the position with `spanbridge positions set`",
        ),
        LogMismatchKind::Replaced => (
            "SB-INGEST-LOG-REPLACED",
            "restore the log, or continue at the start of the new one with on_gap = \"skip\"",
        ),
        LogMismatchKind::ReplacedOrTruncated => (
            "SB-INGEST-LOG-REPLACED",
            "find the first record that was not applied, and set the position with `spanbridge positions set`",
        ),
    }
}

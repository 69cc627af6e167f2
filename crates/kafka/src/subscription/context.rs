//! The callbacks of the group member's librdkafka client.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};

use super::SharedState;
use crate::context::{SharedContext, TokenResult};
use crate::record::TopicPartition;

/// The librdkafka client of a group member.
pub(crate) type GroupConsumer = BaseConsumer<GroupContext>;

/// A rebalance that librdkafka expects the member to carry out.
#[derive(Debug)]
pub(crate) enum Rebalance {
    /// The group assigns these partitions in addition.
    Assign(Vec<TopicPartition>),
    /// The group revokes these partitions. If they are `lost`, other members may own them already.
    Revoke { partitions: Vec<TopicPartition>, lost: bool },
}

/// Receives librdkafka's callbacks and queues rebalances for the member's thread.
pub(crate) struct GroupContext {
    client: SharedContext,
    shared: Arc<SharedState>,
    rebalances: Mutex<VecDeque<Rebalance>>,
}

impl GroupContext {
    pub(crate) fn new(client: SharedContext, shared: Arc<SharedState>) -> Self {
        GroupContext { client, shared, rebalances: Mutex::default() }
    }

    /// Takes the oldest rebalance that is not carried out yet.
    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for GroupContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> TokenResult {
        self.client.oauth_token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.client.statistics(&statistics);
    }

    /// Passes the error on. `poll` returns each error event right after this call too, and the member
    /// classifies it there.
    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    /// Queues the rebalance instead of carrying it out, because the member may have to wait for its caller
    /// first. librdkafka allows that: it stays in `WAIT_(UN)ASSIGN_CALL` with heartbeats until some `*assign`
    /// call (`rdkafka_cgrp.c`).
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.shared.is_closing.load(Ordering::Acquire) {
            // The member's thread no longer takes rebalances. While it leaves the group, librdkafka treats
            // any `*assign` call as "unassign all".
            if let Err(error) = consumer.incremental_unassign(&TopicPartitionList::new()) {
                tracing::debug!(%error, "Cannot unassign partitions while the subscription closes");
            }
            return;
        }
        let partitions = partitions_of(list);
        let rebalance = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            Rebalance::Assign(partitions)
        } else {
            Rebalance::Revoke { partitions, lost: consumer.assignment_lost() }
        };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                self.shared.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    %error,
                    "Cannot mirror positions to the consumer group; the stored positions are not affected"
                );
            }
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|e| TopicPartition::new(e.topic(), e.partition())).collect()
}

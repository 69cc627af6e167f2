use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};

use super::Shared;
use crate::log;
use crate::record::TopicPartition;

pub(crate) type Consumer = BaseConsumer<Context>;

/// A rebalance that librdkafka waits for the worker to carry out.
#[derive(Debug)]
pub(crate) enum Rebalance {
    Assign(Vec<TopicPartition>),
    Revoke { partitions: Vec<TopicPartition>, lost: bool },
}

pub(crate) struct Context {
    shared: Arc<Shared>,
    rebalances: Mutex<VecDeque<Rebalance>>,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Context { shared, rebalances: Mutex::default() }
    }

    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log::forward(level, facility, message);
    }

    fn stats(&self, _: Statistics) {}

    /// Called for each error event just before `poll` returns it: classified there.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Context {
    /// Does not carry the rebalance out but leaves it to the worker, which may have to wait for the caller. librdkafka
    /// allows that: it stays in WAIT_(UN)ASSIGN_CALL, heartbeats going, until some `*assign` call (rdkafka_cgrp.c).
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.shared.closing.load(Ordering::Acquire) {
            // Nobody listens any more. While the group is left, librdkafka takes any `*assign` call for "unassign all".
            if let Err(error) = consumer.incremental_unassign(&TopicPartitionList::new()) {
                tracing::debug!(%error, "unassign while closing");
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
                tracing::info!(%error, "mirror commit to the consumer group failed; the stored positions are not touched by it");
            }
        }
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|e| TopicPartition::new(e.topic(), e.partition())).collect()
}

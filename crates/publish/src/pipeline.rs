//! The parts of a running pipeline that all its shards share.
//!
//! [`crate::startup`] builds a [`Pipeline`], and it lives until the pipeline ends. Its configuration never changes. The
//! mutable parts (tables, metrics, memory budgets, the watermark) synchronise themselves.

use std::collections::HashSet;
use std::sync::Arc;

use spanbridge_config::{Publish, PublishStart, Snapshot};
use spanbridge_kafka::{ClientOptions, Subscription, TopicPartition};
use spanbridge_protocol::publish::ShardLimits;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{Database, PipelineTag};

use crate::auxiliary_topics::AuxiliaryTopics;
use crate::dead_letters::DeadLetters;
use crate::memory_budget::MemoryBudget;
use crate::metrics::PipelineMetrics;
use crate::tables::Tables;
use crate::watermark::PipelineWatermark;

/// A running pipeline.
pub(crate) struct Pipeline {
    pub(crate) config: Publish,
    pub(crate) kafka: ClientOptions,
    pub(crate) database: Database,
    /// The change stream's name in Spanner's spelling.
    pub(crate) change_stream: Arc<str>,
    pub(crate) state_topic: Arc<str>,
    pub(crate) tables: Tables,
    /// The destination of changes that no schema fits; `None` when such changes stop the pipeline.
    pub(crate) dead_letters: Option<DeadLetters>,
    pub(crate) metrics: Arc<PipelineMetrics>,
    pub(crate) subscription: Subscription,
    pub(crate) limits: ShardLimits,
    /// The memory of records that are read ahead.
    pub(crate) read_ahead: Arc<MemoryBudget>,
    /// The memory of queued messages. It is only measured here: the state machines bound it.
    pub(crate) queued: Arc<MemoryBudget>,
    pub(crate) auxiliary_topics: AuxiliaryTopics,
    pub(crate) watermark: Arc<PipelineWatermark>,
    /// The tags of pipelines whose commits are not published.
    pub(crate) skipped_tags: HashSet<PipelineTag>,
}

impl Pipeline {
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// The timestamp at which a new pipeline starts; `None` for now.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        match self.config.start {
            PublishStart::Now => None,
            PublishStart::At(at) => Some(at),
        }
    }

    /// The configuration of a shard's state machine.
    pub(crate) fn shard_config(&self, index: u32) -> spanbridge_protocol::publish::ShardConfig {
        spanbridge_protocol::publish::ShardConfig {
            index,
            shards: u32::from(self.config.shards),
            change_stream: self.change_stream.clone(),
            start: self.start(),
            snapshot: self.config.snapshot == Snapshot::Initial,
            end: self.config.end,
            limits: self.limits.clone(),
            atomic: self.config.atomic,
        }
    }

    /// The shard's partition of the state topic.
    pub(crate) fn partition(&self, shard: u32) -> TopicPartition {
        TopicPartition::new(self.state_topic.clone(), partition_of(shard))
    }
}

/// The partition of a shard, which has the same number. A pipeline has at most 256 shards.
pub(crate) fn partition_of(shard: u32) -> i32 {
    i32::try_from(shard).unwrap_or(i32::MAX)
}

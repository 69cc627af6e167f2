use std::collections::HashSet;
use std::sync::Arc;

use spanbridge_config::{Publish, Snapshot, Start};
use spanbridge_kafka::{ClientOptions, Subscription, TopicPartition};
use spanbridge_protocol::publish::ShardLimits;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{Database, PipelineTag};

use crate::auxiliary_topics::AuxiliaryTopics;
use crate::dead_letters::DeadLetters;
use crate::memory_budget::MemoryBudget;
use crate::metrics::PipelineMetrics;
use crate::tables::Tables;
use crate::watermark::Watermark;

/// What all shards of a pipeline share.
pub(crate) struct Pipeline {
    pub(crate) config: Publish,
    pub(crate) kafka: ClientOptions,
    pub(crate) database: Database,
    /// The change stream's name as Spanner has it.
    pub(crate) change_stream: Arc<str>,
    pub(crate) state_topic: Arc<str>,
    pub(crate) tables: Tables,
    /// Where changes go that have no fitting schema, unless they stop the pipeline.
    pub(crate) letters: Option<DeadLetters>,
    pub(crate) meter: Arc<PipelineMetrics>,
    pub(crate) subscription: Subscription,
    pub(crate) limits: ShardLimits,
    /// What is read ahead of the shards.
    pub(crate) ahead: Arc<MemoryBudget>,
    /// What the shards hold, which their machines bound.
    pub(crate) queued: Arc<MemoryBudget>,
    pub(crate) sides: AuxiliaryTopics,
    pub(crate) watermark: Arc<Watermark>,
    /// Whose commits are left out.
    pub(crate) own: HashSet<PipelineTag>,
}

impl Pipeline {
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Where the very first start begins.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        match self.config.start {
            Start::Now => None,
            Start::At(at) => Some(at),
        }
    }

    /// What a shard's machine is made with.
    pub(crate) fn shard(&self, index: u32) -> spanbridge_protocol::publish::ShardConfig {
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

    /// A shard's partition of the state topic.
    pub(crate) fn partition(&self, shard: u32) -> TopicPartition {
        TopicPartition::new(self.state_topic.clone(), partition_of(shard))
    }
}

/// AssignedShards are numbered as the partitions are; there are 256 at most.
pub(crate) fn partition_of(shard: u32) -> i32 {
    i32::try_from(shard).unwrap_or(i32::MAX)
}

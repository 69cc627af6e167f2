//! Partitions that stop, and why.

use super::failure::Failure;
use super::position::{LogRange, Offset, Partition};

/// A partition that has stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionStop {
    /// The partition.
    pub partition: Partition,
    /// The offset before which it stops.
    pub offset: Offset,
    /// The reason.
    pub reason: StopReason,
}

/// The reason why a partition stops.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StopReason {
    /// A record cannot be applied, under [`super::OnError::Stop`].
    #[error("{0}")]
    Record(Failure),
    /// The log does not contain the position, under [`super::OnGap::Stop`].
    #[error("{0}")]
    Gap(Gap),
}

/// A position that the log no longer contains: "Gap in the log" (docs/design/ingest-positions.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the position is {position}, but the log holds the offsets from {} up to {}", log.start, log.end
)]
pub struct Gap {
    /// The stored position.
    pub position: Offset,
    /// The offsets that the log contains.
    pub log: LogRange,
}

//! Partitions that stop, and why.

use super::failure::Failure;
use super::position::{GapKind, LogRange, Offset, Partition};

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
    /// The log is not the one that the position belongs to, or no longer contains it.
    #[error("{0}")]
    Log(LogMismatch),
    /// The partition is registered, but its position has been deleted.
    #[error("the partition has a row in BridgePartitions, but no position in BridgePositions")]
    PositionMissing,
}

/// A position that does not fit the log: "Identity of a log" (docs/design/ingest-positions.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the position is {position}, but the log holds the offsets from {} up to {}{}",
    log.start, log.end, kind.explanation()
)]
pub struct LogMismatch {
    /// The kind.
    pub kind: LogMismatchKind,
    /// The stored position.
    pub position: Offset,
    /// The offsets that the log contains.
    pub log: LogRange,
}

/// The kinds of [`LogMismatch`]. `on_gap = "skip"` continues after [`Self::gap`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogMismatchKind {
    /// The log starts behind the position.
    Expired,
    /// The log lost its last records.
    Truncated,
    /// The log lost its last records and has grown past the position. No one can tell where the new records
    /// start.
    TruncatedAndGrown,
    /// The log ends before the position, and nothing tells whether it was truncated or replaced.
    TruncatedOrReplaced,
    /// Another log has taken the place of the log.
    Replaced,
    /// The last applied record has changed, and the log no longer holds the first one. The log was replaced,
    /// or truncated and has grown past the position.
    ReplacedOrTruncated,
}

impl LogMismatchKind {
    /// Returns the kind of gap that `on_gap = "skip"` skips, or `None` if the partition stops in any case.
    pub fn gap(self) -> Option<GapKind> {
        match self {
            Self::Expired => Some(GapKind::Expired),
            Self::Truncated => Some(GapKind::Truncated),
            Self::Replaced => Some(GapKind::Replaced),
            Self::TruncatedAndGrown | Self::TruncatedOrReplaced | Self::ReplacedOrTruncated => None,
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::Expired => "",
            Self::Truncated => ": it lost its last records, and its first ones are unchanged",
            Self::TruncatedAndGrown => {
                ": it lost records before the position and has grown since, and its first records are unchanged"
            }
            Self::TruncatedOrReplaced => {
                ": it was truncated or replaced, and holds no record that tells which"
            }
            Self::Replaced => ": another log has taken its place, because the records differ",
            Self::ReplacedOrTruncated => {
                ": its last applied record has changed, and it no longer holds the first one"
            }
        }
    }
}

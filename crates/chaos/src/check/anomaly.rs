//! The anomalies that the checker can find.

use std::fmt;

/// The direction in which an anomaly occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// The way from the writer of records to the source topic. The bridge has no part in it.
    Source,
    /// The way from Kafka to Spanner.
    Ingest,
    /// The way from Spanner to Kafka.
    Publish,
    /// Not in one direction alone.
    Both,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source topic",
            Self::Ingest => "Kafka to Spanner",
            Self::Publish => "Spanner to Kafka",
            Self::Both => "workers",
        })
    }
}

/// The kind of an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An acknowledged write has no effect.
    Lost,
    /// A write has its effect more than once.
    Duplicated,
    /// An earlier write of a key has its effect after a later one.
    Reordered,
    /// A write that was aborted or rejected has an effect.
    AbortedRead,
    /// A transaction is visible in part, or in pieces.
    Torn,
    /// An effect that nobody wrote, or a value that nobody wrote in this place.
    Unwritten,
    /// A position is not at the end of its partition, or there is more than one.
    Position,
    /// There was no progress after the last fault had ended.
    Stalled,
    /// A worker exited on its own, or did not exit cleanly.
    Exited,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::AbortedRead => "aborted read",
            Self::Torn => "torn",
            Self::Unwritten => "unwritten",
            Self::Position => "position",
            Self::Stalled => "stalled",
            Self::Exited => "exited",
        }
    }
}

/// One anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) direction: Direction,
    pub(crate) kind: Kind,
    /// A sentence about the place. The data is generated, so it may be shown.
    pub(crate) example: String,
}

impl Anomaly {
    pub(crate) fn new(direction: Direction, kind: Kind, example: impl fmt::Display) -> Self {
        Self { direction, kind, example: example.to_string() }
    }
}

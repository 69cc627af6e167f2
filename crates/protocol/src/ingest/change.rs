//! The changes of one record, as the service's mapping compiles them.

use std::sync::Arc;
use std::time::Duration;

use super::aggregate::{AggregateFunction, AggregateInput};
use super::constraints::{CascadeRelation, UniqueIndex};
use super::window::{Hop, WindowSize};
use crate::mutation::Write;
use crate::value::{Timestamp, Value};

/// The tables that a pipeline writes.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The identity of the pipeline in stored state.
    pub pipeline: Arc<str>,
    /// The tables, in the order of the configuration file.
    pub targets: Vec<Target>,
    /// The tables whose rows are deleted together with rows of others.
    pub(super) cascades: Vec<CascadeRelation>,
    /// The unique indexes of tables of which one record writes one row.
    pub(super) unique_indexes: Vec<UniqueIndex>,
}

/// One mapping of a pipeline to a table. Several targets may write the same table.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name.
    pub table: Arc<str>,
    /// The columns to write. For groups these are the key columns, then the aggregates' columns.
    pub columns: Arc<[String]>,
    /// The indexes of the primary key's columns in `columns`, in key order.
    pub key: Vec<usize>,
    /// How rows are written.
    pub kind: TargetKind,
    /// True if other writers change these rows too. Everything that a change depends on is then read
    /// under lock, in the transaction that writes it. Otherwise the partition's position is the lock.
    pub locking: bool,
}

/// How a table is written.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// One record writes one row.
    Rows(RowTarget),
    /// Many records write one row.
    Groups(GroupTarget),
}

/// A table of which one record writes one row. A later record of a key replaces an earlier one.
#[derive(Debug, Clone, Copy)]
pub struct RowTarget {
    /// Insert, update or upsert. A record that deletes a row is a [`Change::Delete`].
    pub write: Write,
    /// The index of the version column in [`Target::columns`]. An older version never replaces a newer
    /// one.
    pub version: Option<usize>,
}

/// A table of which many records write one row.
#[derive(Debug, Clone)]
pub struct GroupTarget {
    /// The functions of the columns behind the key, in column order. Each includes its companion columns.
    pub functions: Vec<AggregateFunction>,
    /// The windows, if groups are windowed.
    pub window: Option<Window>,
}

/// Windows of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The kind and length of the windows.
    pub kind: WindowKind,
    /// The index of the window's bound in the key: its start, or the end of a session. The bound of
    /// sliding windows and sessions is the last part of the key, so that a group's windows are a range.
    pub at: usize,
    /// The policy for late records.
    pub late: LatePolicy,
    /// How far the stream time may pass the end of a window before its records are late.
    pub grace: Duration,
}

/// The kind of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// Windows that follow each other without overlap.
    Tumbling(WindowSize),
    /// Windows of one size that overlap.
    Hopping(Hop),
    /// Sliding windows. The first column behind the key holds the latest event time in the window.
    Sliding(WindowSize),
    /// Sessions with this inactivity gap. The first column behind the key holds the session's start.
    Session(WindowSize),
}

/// The policy for late records, whose windows the stream time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePolicy {
    /// The record updates the window.
    Update,
    /// The record does not change the window.
    Drop,
    /// The record becomes a dead letter.
    DeadLetter,
}

/// One change by one record. `target` is an index of [`Spec::targets`].
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Writes a row.
    Row {
        /// The index of the target.
        target: usize,
        /// One value for each column of the target.
        row: Vec<Value>,
    },
    /// Deletes a row, unless its version is newer than the given one.
    Delete {
        /// The index of the target.
        target: usize,
        /// The primary key.
        key: Vec<Value>,
        /// The version of the deletion.
        version: Option<Value>,
    },
    /// Adds the record to a group, or to each of the group's windows that contain the event time.
    Group {
        /// The index of the target.
        target: usize,
        /// The primary key without the window's bound. Unless the target is locking, it contains the
        /// source partition, and the topic if the pipeline reads several. So each group has one owner:
        /// "One owner per group" (docs/design/ingest-aggregates-and-windows.md).
        key: Vec<Value>,
        /// The event time.
        at: Option<Timestamp>,
        /// One input for each function.
        inputs: Vec<AggregateInput>,
    },
}

/// The rows of a target whose primary keys start with `prefix`, with a bound between `from` and `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The index of the target.
    pub target: usize,
    /// The key without its last part.
    pub prefix: Vec<Value>,
    /// The inclusive lower bound of the last part of the key.
    pub from: Timestamp,
    /// The inclusive upper bound of the last part of the key.
    pub to: Timestamp,
    /// True if the first row behind `to` is needed too, whatever its bound.
    pub and_next: bool,
}

/// The identity of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The index of the target.
    pub target: usize,
    /// The primary key.
    pub key: Vec<Value>,
}

impl Spec {
    /// Creates the specification of a pipeline whose tables have no constraints but their primary keys.
    pub fn new(pipeline: Arc<str>, targets: Vec<Target>) -> Self {
        Self { pipeline, targets, cascades: Vec::new(), unique_indexes: Vec::new() }
    }
}

impl Target {
    /// Returns the indexes of the columns that must be known before a batch is folded: the version, or
    /// the state of a group. `None` if no stored column matters.
    pub fn state(&self) -> Option<std::ops::Range<usize>> {
        match &self.kind {
            TargetKind::Rows(RowTarget { version, .. }) => version.map(|at| at..at + 1),
            TargetKind::Groups(_) => Some(self.key.len()..self.columns.len()),
        }
    }

    /// Returns whether a record changes several windows of its group together, which are read as a range.
    pub(super) fn has_ranged_windows(&self) -> bool {
        let kind = self.window().map(|window| window.kind);
        matches!(kind, Some(WindowKind::Sliding(_) | WindowKind::Session(_)))
    }

    /// The windows of the target, if it has any.
    pub(super) fn window(&self) -> Option<Window> {
        match &self.kind {
            TargetKind::Groups(groups) => groups.window,
            TargetKind::Rows(_) => None,
        }
    }
}

impl Change {
    /// Returns the approximate size in memory in bytes, which bounds a buffer.
    pub(super) fn size(&self) -> usize {
        let sum = |values: &[Value]| values.iter().map(Value::size).sum::<usize>();
        match self {
            Self::Row { row, .. } => sum(row),
            Self::Delete { key, version, .. } => sum(key) + version.as_ref().map_or(0, Value::size),
            Self::Group { key, inputs, .. } => {
                sum(key) + inputs.iter().map(AggregateInput::size).sum::<usize>()
            }
        }
    }
}

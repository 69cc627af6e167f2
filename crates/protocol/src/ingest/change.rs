//! What one record changes: rows it writes or deletes, and groups it adds to.

use std::sync::Arc;
use std::time::Duration;

use super::aggregate::{AggregateFunction, AggregateInput};
use super::window::{Hop, WindowSize};
use crate::mutation::Write;
use crate::value::{Timestamp, Value};

/// What a pipeline writes: its name and its tables. The tables' order is that of the file.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Identity of the pipeline in stored state.
    pub pipeline: Arc<str>,
    pub targets: Vec<Target>,
}

/// One table of a pipeline. Two targets may write the same table.
#[derive(Debug, Clone)]
pub struct Target {
    pub table: Arc<str>,
    /// The columns written. Of a group these are the key's, then the aggregates'.
    pub columns: Arc<[String]>,
    /// Where the columns of the primary key stand in `columns`, in key order.
    pub key: Vec<usize>,
    pub kind: TargetKind,
    /// Others write these rows too: what a change depends on is read under lock, in the transaction
    /// that writes it. Without it, a partition's position is the lock.
    pub locking: bool,
}

/// How a table is written.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// One record, one row.
    Rows(RowTarget),
    /// Many records, one row.
    Groups(GroupTarget),
}

/// One record, one row; a later record of a key replaces the earlier one.
#[derive(Debug, Clone, Copy)]
pub struct RowTarget {
    /// Insert, update or upsert; a record that deletes says so itself.
    pub write: Write,
    /// Where the version stands in [`Target::columns`]: an older one never overwrites a newer one.
    pub version: Option<usize>,
}

/// Many records, one row.
#[derive(Debug, Clone)]
pub struct GroupTarget {
    /// The functions of the columns behind the key, in their order, each with its companions.
    pub functions: Vec<AggregateFunction>,
    pub window: Option<Window>,
}

/// Windows of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    /// Where its bound stands in the key: the start, or a session's end. Of sliding windows and sessions it is
    /// the last of the key, so that those of a group are a range.
    pub at: usize,
    pub late: LatePolicy,
    /// How far the stream's time may pass a window's end before its records are late.
    pub grace: Duration,
}

/// The form of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    Tumbling(WindowSize),
    Hopping(Hop),
    /// Behind the key stands the greatest event time within the window.
    Sliding(WindowSize),
    /// Of that gap. Behind the key stands the session's start.
    Session(WindowSize),
}

/// What a record does whose window the stream's time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePolicy {
    Update,
    Drop,
    DeadLetter,
}

/// One change by one record. `target` counts into [`Spec::targets`].
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Writes a row: one value a column of the target.
    Row { target: usize, row: Vec<Value> },
    /// Deletes the row of that primary key; with a version, unless the row's is newer.
    Delete { target: usize, key: Vec<Value>, version: Option<Value> },
    /// Adds to a group, or to each of its windows that hold the event time: an input a function.
    ///
    /// The key has all but the window's bound. Unless the target is locking, it must hold the source
    /// partition (and the topic, if the pipeline reads several): that gives each group one owner.
    Group { target: usize, key: Vec<Value>, at: Option<Timestamp>, inputs: Vec<AggregateInput> },
}

/// Rows of a target whose primary keys begin with `prefix` and go on from `from` to `to`, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    pub target: usize,
    pub prefix: Vec<Value>,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Names a row: target and primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    pub target: usize,
    pub key: Vec<Value>,
}

impl Target {
    /// Where the columns stand that must be known before the fold: the version, or a group's state.
    /// None when nothing must.
    pub fn state(&self) -> Option<std::ops::Range<usize>> {
        match &self.kind {
            TargetKind::Rows(RowTarget { version, .. }) => version.map(|at| at..at + 1),
            TargetKind::Groups(_) => Some(self.key.len()..self.columns.len()),
        }
    }

    pub(super) fn window(&self) -> Option<Window> {
        match &self.kind {
            TargetKind::Groups(groups) => groups.window,
            TargetKind::Rows(_) => None,
        }
    }
}

impl Change {
    /// Bytes in memory, near enough to bound a buffer.
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

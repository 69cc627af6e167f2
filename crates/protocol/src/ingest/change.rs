//! What one record changes: rows it sets and groups it adds to.

use std::sync::Arc;

use super::aggregate::{Function, Input};
use crate::value::Value;

/// What a pipeline writes: its name and its tables. The tables' order is that of the file.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Identity of the pipeline in stored state.
    pub pipeline: Arc<str>,
    pub targets: Vec<Target>,
}

/// One table of a pipeline.
#[derive(Debug, Clone)]
pub struct Target {
    pub table: Arc<str>,
    /// The columns written. Of a group these are the key's, then the aggregates'.
    pub columns: Arc<[String]>,
    /// Where the columns of the primary key stand in `columns`, in key order.
    pub key: Vec<usize>,
    pub kind: TargetKind,
}

/// How a table is written.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// One record, one row; a later record of a key replaces the earlier one.
    Rows,
    /// Many records, one row: the functions of the columns behind the key, in their order.
    Groups(Vec<Function>),
}

/// One change by one record. `target` counts into [`Spec::targets`].
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Sets a row: one value a column of the target.
    Row { target: usize, row: Vec<Value> },
    /// Adds to a group: the key's values, and an input a function.
    ///
    /// The key must hold the source partition (and the topic, if the pipeline reads several):
    /// that gives each group one owner.
    Group { target: usize, key: Vec<Value>, inputs: Vec<Input> },
}

/// Names a group: target and primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    pub target: usize,
    pub key: Vec<Value>,
}

impl Change {
    /// Bytes in memory, near enough to bound a buffer.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Row { row, .. } => row.iter().map(Value::size).sum(),
            Self::Group { key, inputs, .. } => {
                key.iter().map(Value::size).sum::<usize>() + inputs.iter().map(Input::size).sum::<usize>()
            }
        }
    }
}

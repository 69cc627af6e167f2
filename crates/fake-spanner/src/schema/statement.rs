//! Parsed DDL statements.

use std::time::Duration;

use spanbridge_protocol::value::{Type, Value};

use super::stream::Capture;
use super::table::OnDelete;

/// One DDL statement.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    CreateSchema { name: String },
    CreateTable(CreateTable),
    AddColumn { table: String, if_not_exists: bool, column: ColumnDefinition },
    CreateChangeStream(CreateChangeStream),
}

#[derive(Debug, PartialEq)]
pub(super) struct CreateTable {
    pub(super) name: String,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<ColumnDefinition>,
    /// The key columns; `true` marks DESC.
    pub(super) key: Vec<(String, bool)>,
    pub(super) interleave: Option<(String, OnDelete)>,
}

#[derive(Debug, PartialEq)]
pub(super) struct ColumnDefinition {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) spanner_type: String,
    pub(super) limit: Option<usize>,
    pub(super) nullable: bool,
    pub(super) default: Option<Value>,
    pub(super) commit_timestamp: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct CreateChangeStream {
    pub(super) name: String,
    pub(super) watched: WatchedNames,
    /// The options as written.
    pub(super) options: Vec<(String, String)>,
    pub(super) capture: Capture,
    pub(super) allows_exclusion: bool,
    pub(super) retention: Duration,
}

/// The tables that a stream watches.
#[derive(Debug, PartialEq)]
pub(super) enum WatchedNames {
    All,
    /// The tables, with the watched columns of those that are watched in part.
    Tables(Vec<(String, Option<Vec<String>>)>),
}

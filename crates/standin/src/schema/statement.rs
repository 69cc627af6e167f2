use spanbridge_protocol::value::{Type, Value};

use super::table::OnDelete;

/// One DDL statement.
#[derive(Debug, PartialEq)]
pub(super) enum Statement {
    CreateSchema { name: String },
    CreateTable(CreateTable),
    AddColumn { table: String, if_not_exists: bool, column: ColumnDefinition },
}

#[derive(Debug, PartialEq)]
pub(super) struct CreateTable {
    pub(super) name: String,
    pub(super) if_not_exists: bool,
    pub(super) columns: Vec<ColumnDefinition>,
    /// Names, and whether DESC.
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

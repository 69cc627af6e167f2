//! The records of a change stream.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use spanbridge_protocol::value::{Timestamp, Type};

use crate::error::{Error, Result};

/// One record of a change stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeRecord {
    /// Changed rows.
    Data(DataChange),
    /// All records of this partition up to this time have been delivered.
    Heartbeat(Timestamp),
    /// The partitions that continue this one.
    Children(ChildPartitions),
}

impl ChangeRecord {
    /// Returns the record's position in the partition's time.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Data(change) => change.commit_timestamp,
            Self::Heartbeat(at) => *at,
            Self::Children(children) => children.start_timestamp,
        }
    }

    /// Returns the approximate memory in bytes. Column types are shared and not counted.
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Data(change) => change.size(),
                Self::Heartbeat(_) => 0,
                Self::Children(record) => record.children.iter().map(ChildPartition::size).sum(),
            }
    }
}

/// Rows of one table that one transaction inserted, updated or deleted.
///
/// The fields are those of the data change record in
/// <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
#[derive(Debug, Clone, PartialEq)]
pub struct DataChange {
    /// The commit timestamp of the transaction.
    pub commit_timestamp: Timestamp,
    /// The sequence number of the record; the records of a transaction are ordered by it.
    pub record_sequence: String,
    /// The transaction's unique id.
    pub server_transaction_id: String,
    /// True for the transaction's last record in this partition.
    pub is_last_record_in_transaction_in_partition: bool,
    /// The changed table; `schema.table` in a named schema.
    pub table_name: String,
    /// The table's watched columns; shared between records of the same shape.
    pub column_types: Arc<[ColumnType]>,
    /// The changed rows.
    pub mods: Vec<Mod>,
    /// The kind of change, the same for all rows.
    pub mod_type: ModType,
    /// The stream's setting at the time of the commit.
    pub value_capture_type: ValueCaptureType,
    /// The number of the transaction's data change records in all partitions.
    pub number_of_records_in_transaction: i64,
    /// The number of partitions that have records of the transaction.
    pub number_of_partitions_in_transaction: i64,
    /// The tag of the transaction; empty without one.
    pub transaction_tag: String,
    /// True for Spanner's own transactions, such as TTL deletions.
    pub is_system_transaction: bool,
}

impl DataChange {
    /// Returns the approximate memory of its strings and rows, in bytes.
    pub fn size(&self) -> usize {
        let texts =
            [&self.record_sequence, &self.server_transaction_id, &self.table_name, &self.transaction_tag];
        texts.iter().map(|text| text.len()).sum::<usize>() + self.mods.iter().map(Mod::size).sum::<usize>()
    }
}

/// A column of a [`DataChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// The column name.
    pub name: String,
    /// The type as Spanner's JSON text, such as `{"code":"INT64"}`.
    pub json: String,
    /// The type; `None` if the bridge does not support it.
    pub ty: Option<Type>,
    /// True for a column of the primary key.
    pub is_primary_key: bool,
    /// The column's position in the table, from 1.
    pub ordinal_position: i64,
}

/// One row of a [`DataChange`]: three JSON objects from column name to value, as text.
///
/// The caller parses what it needs; [`decode_column`](crate::decode_column) decodes a single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mod {
    /// The primary key.
    pub keys: String,
    /// The values after the change; empty or `{}` without any.
    pub new_values: String,
    /// The values before the change; empty or `{}` without any.
    pub old_values: String,
}

impl Mod {
    fn size(&self) -> usize {
        size_of::<Self>() + self.keys.len() + self.new_values.len() + self.old_values.len()
    }

    /// Returns the columns of the primary key.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`](crate::ErrorKind::Bug) when the text is not a JSON object.
    pub fn keys(&self) -> Result<Map<String, Json>> {
        object(&self.keys)
    }

    /// Returns the columns after the change, as far as the value capture type includes them.
    ///
    /// # Errors
    /// See [`Mod::keys`].
    pub fn new_values(&self) -> Result<Map<String, Json>> {
        object(&self.new_values)
    }

    /// Returns the columns before the change, as far as the value capture type includes them.
    ///
    /// # Errors
    /// See [`Mod::keys`].
    pub fn old_values(&self) -> Result<Map<String, Json>> {
        object(&self.old_values)
    }
}

fn object(text: &str) -> Result<Map<String, Json>> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(Json::Null) => Ok(Map::new()),
        _ => Err(Error::bug("change record", "a mod is not a JSON object")),
    }
}

/// The kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModType {
    /// Rows were inserted.
    Insert,
    /// Rows were updated.
    Update,
    /// Rows were deleted.
    Delete,
}

impl ModType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "INSERT" => Self::Insert,
            "UPDATE" => Self::Update,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

/// The values that a change record contains.
/// Source: <https://cloud.google.com/spanner/docs/change-streams#value-capture-type>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueCaptureType {
    /// The changed columns, before and after.
    OldAndNewValues,
    /// The changed columns, after.
    NewValues,
    /// All watched columns, after.
    NewRow,
    /// All watched columns after, the changed ones before.
    NewRowAndOldValues,
}

impl ValueCaptureType {
    /// Returns Spanner's name of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OldAndNewValues => "OLD_AND_NEW_VALUES",
            Self::NewValues => "NEW_VALUES",
            Self::NewRow => "NEW_ROW",
            Self::NewRowAndOldValues => "NEW_ROW_AND_OLD_VALUES",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::OldAndNewValues, Self::NewValues, Self::NewRow, Self::NewRowAndOldValues]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A child-partitions record: the partitions that continue the one that reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPartitions {
    /// The start of the children's records.
    pub start_timestamp: Timestamp,
    /// The sequence number of this record among those of the same start.
    pub record_sequence: String,
    /// The partitions to query next.
    pub children: Vec<ChildPartition>,
}

/// One partition to query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPartition {
    /// The partition token.
    pub token: String,
    /// The tokens of the partitions that it continues: several after a merge, none in a root query.
    pub parents: Vec<String>,
}

impl ChildPartition {
    fn size(&self) -> usize {
        let texts = self.parents.iter().chain([&self.token]);
        texts.map(|text| size_of::<String>() + text.len()).sum()
    }
}

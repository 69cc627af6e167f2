use std::sync::Arc;

use serde_json::{Map, Value as Json};
use spanbridge_protocol::value::{Timestamp, Type};

use crate::error::{Error, Result};

/// One record of a change stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeRecord {
    Data(DataChange),
    /// All records of this partition up to this time have been delivered.
    Heartbeat(Timestamp),
    Children(ChildPartitions),
}

impl ChangeRecord {
    /// Its place in the partition's time.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Data(change) => change.commit_timestamp,
            Self::Heartbeat(at) => *at,
            Self::Children(children) => children.start_timestamp,
        }
    }

    /// The memory that it takes, near enough; column types are shared, and not counted.
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Data(change) => change.size(),
                Self::Heartbeat(_) => 0,
                Self::Children(record) => record.children.iter().map(ChildPartition::size).sum(),
            }
    }
}

/// Rows of one table that one transaction changed alike.
///
/// Field for field the data change record of
/// <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
#[derive(Debug, Clone, PartialEq)]
pub struct DataChange {
    pub commit_timestamp: Timestamp,
    /// The record's place in its transaction; records of a transaction are ordered by it.
    pub record_sequence: String,
    pub server_transaction_id: String,
    pub is_last_record_in_transaction_in_partition: bool,
    pub table_name: String,
    /// The table's watched columns; shared between records of the same shape.
    pub column_types: Arc<[ColumnType]>,
    pub mods: Vec<Mod>,
    pub mod_type: ModType,
    pub value_capture_type: ValueCaptureType,
    pub number_of_records_in_transaction: i64,
    pub number_of_partitions_in_transaction: i64,
    pub transaction_tag: String,
    /// Spanner's own transaction, such as a TTL deletion.
    pub is_system_transaction: bool,
}

impl DataChange {
    /// The memory of its texts and rows, near enough.
    pub fn size(&self) -> usize {
        let texts =
            [&self.record_sequence, &self.server_transaction_id, &self.table_name, &self.transaction_tag];
        texts.iter().map(|text| text.len()).sum::<usize>() + self.mods.iter().map(Mod::size).sum::<usize>()
    }
}

/// A column of a [`DataChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    pub name: String,
    /// The type as Spanner's JSON text, such as `{"code":"INT64"}`.
    pub json: String,
    /// The type, unless the bridge does not carry it.
    pub ty: Option<Type>,
    pub is_primary_key: bool,
    /// Its place in the table, from 1.
    pub ordinal_position: i64,
}

/// One row of a [`DataChange`]: three JSON objects from column name to value, as text. Parsing is left
/// to whoever needs it; single values are decoded with [`decode_column`](crate::decode_column).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mod {
    pub keys: String,
    /// Empty text or `{}` when there are none.
    pub new_values: String,
    /// Empty text or `{}` when there are none.
    pub old_values: String,
}

impl Mod {
    fn size(&self) -> usize {
        size_of::<Self>() + self.keys.len() + self.new_values.len() + self.old_values.len()
    }

    /// The columns of the primary key.
    pub fn keys(&self) -> Result<Map<String, Json>> {
        object(&self.keys)
    }

    /// The columns after the change, as far as the value capture type includes them.
    pub fn new_values(&self) -> Result<Map<String, Json>> {
        object(&self.new_values)
    }

    /// The columns before the change, as far as the value capture type includes them.
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
        _ => Err(Error::bug("change record", "a mod is no JSON object")),
    }
}

/// What happened to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModType {
    Insert,
    Update,
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

/// Which values a change stream keeps.
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
    /// Spanner's name of it.
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

/// Partitions that take over from the one that reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPartitions {
    /// The children's records begin at this time.
    pub start_timestamp: Timestamp,
    pub record_sequence: String,
    pub children: Vec<ChildPartition>,
}

/// One partition to query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPartition {
    pub token: String,
    /// All partitions that it continues: several after a merge, none at the root query.
    pub parents: Vec<String>,
}

impl ChildPartition {
    fn size(&self) -> usize {
        let texts = self.parents.iter().chain([&self.token]);
        texts.map(|text| size_of::<String>() + text.len()).sum()
    }
}

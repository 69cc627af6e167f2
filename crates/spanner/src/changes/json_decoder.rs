//! Change records in the PostgreSQL dialect: each is a JSON object with one of the three kinds.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.

use google_cloud_spanner::value::Value as Wire;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use spanbridge_protocol::value::Timestamp;

use super::column_type_cache::ColumnTypeCache;
use super::record::{
    ChangeRecord, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType, ValueCaptureType,
};
use super::struct_decoder::{type_of, unexpected, unknown_kind};
use crate::error::Result;
use crate::wire::timestamp;

/// A record. Unknown fields are ignored; an unknown kind of record is an error.
#[derive(Debug, Deserialize)]
struct Record {
    data_change_record: Option<Data>,
    heartbeat_record: Option<Heartbeat>,
    child_partitions_record: Option<Children>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(deserialize_with = "time")]
    commit_timestamp: Timestamp,
    record_sequence: String,
    server_transaction_id: String,
    is_last_record_in_transaction_in_partition: bool,
    table_name: String,
    column_types: Vec<Json>,
    mods: Vec<Row>,
    mod_type: String,
    value_capture_type: String,
    number_of_records_in_transaction: i64,
    number_of_partitions_in_transaction: i64,
    transaction_tag: String,
    is_system_transaction: bool,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    r#type: Json,
    is_primary_key: bool,
    ordinal_position: i64,
}

#[derive(Debug, Deserialize)]
struct Row {
    keys: Json,
    #[serde(default)]
    new_values: Json,
    #[serde(default)]
    old_values: Json,
}

#[derive(Debug, Deserialize)]
struct Heartbeat {
    #[serde(deserialize_with = "time")]
    timestamp: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Children {
    #[serde(deserialize_with = "time")]
    start_timestamp: Timestamp,
    record_sequence: String,
    child_partitions: Vec<Child>,
}

#[derive(Debug, Deserialize)]
struct Child {
    token: String,
    #[serde(default)]
    parent_partition_tokens: Vec<String>,
}

fn time<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Timestamp, D::Error> {
    timestamp(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no timestamp"))
}

/// Decodes the records of one query.
#[derive(Debug, Default)]
pub(super) struct JsonDecoder {
    column_type_cache: ColumnTypeCache<Vec<Json>>,
}

impl JsonDecoder {
    /// Decodes the record in a cell.
    pub(super) fn decode(&mut self, cell: &Wire) -> Result<ChangeRecord> {
        self.record(cell.as_str().ok_or_else(unexpected)?)
    }

    fn record(&mut self, text: &str) -> Result<ChangeRecord> {
        // The error text of serde_json may quote the data.
        let record = serde_json::from_str(text).map_err(|_| unexpected())?;
        match record {
            Record {
                data_change_record: Some(data),
                heartbeat_record: None,
                child_partitions_record: None,
            } => self.data_change(data).map(ChangeRecord::Data),
            Record {
                data_change_record: None,
                heartbeat_record: Some(heartbeat),
                child_partitions_record: None,
            } => Ok(ChangeRecord::Heartbeat(heartbeat.timestamp)),
            Record {
                data_change_record: None,
                heartbeat_record: None,
                child_partitions_record: Some(children),
            } => Ok(ChangeRecord::Children(children.into())),
            _ => Err(unknown_kind()),
        }
    }

    fn data_change(&mut self, data: Data) -> Result<DataChange> {
        Ok(DataChange {
            commit_timestamp: data.commit_timestamp,
            record_sequence: data.record_sequence,
            server_transaction_id: data.server_transaction_id,
            is_last_record_in_transaction_in_partition: data.is_last_record_in_transaction_in_partition,
            column_types: self
                .column_type_cache
                .get(&data.table_name, data.column_types, |columns| columns.iter().map(column).collect())?,
            table_name: data.table_name,
            mods: data.mods.into_iter().map(Mod::from).collect(),
            mod_type: ModType::parse(&data.mod_type).ok_or_else(unexpected)?,
            value_capture_type: ValueCaptureType::parse(&data.value_capture_type).ok_or_else(unexpected)?,
            number_of_records_in_transaction: data.number_of_records_in_transaction,
            number_of_partitions_in_transaction: data.number_of_partitions_in_transaction,
            transaction_tag: data.transaction_tag,
            is_system_transaction: data.is_system_transaction,
        })
    }
}

fn column(column: &Json) -> Result<ColumnType> {
    let Column { name, r#type, is_primary_key, ordinal_position } =
        Column::deserialize(column).map_err(|_| unexpected())?;
    Ok(ColumnType { name, ty: type_of(&r#type), json: r#type.to_string(), is_primary_key, ordinal_position })
}

impl From<Row> for Mod {
    fn from(row: Row) -> Self {
        let text = |json: Json| if json.is_null() { String::new() } else { json.to_string() };
        Self { keys: text(row.keys), new_values: text(row.new_values), old_values: text(row.old_values) }
    }
}

impl From<Children> for ChildPartitions {
    fn from(children: Children) -> Self {
        let child =
            |child: Child| ChildPartition { token: child.token, parents: child.parent_partition_tokens };
        Self {
            start_timestamp: children.start_timestamp,
            record_sequence: children.record_sequence,
            children: children.child_partitions.into_iter().map(child).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use spanbridge_protocol::value::Type;

    use super::*;
    use crate::error::ErrorKind;

    const DATA: &str = r#"{"data_change_record": {"commit_timestamp": "2026-01-02T03:04:05.000006+00:00",
        "record_sequence": "00000001", "server_transaction_id": "7", "is_last_record_in_transaction_in_partition": true,
        "table_name": "t", "mod_type": "UPDATE", "value_capture_type": "NEW_ROW", "transaction_tag": "",
        "number_of_records_in_transaction": 2, "number_of_partitions_in_transaction": 1, "is_system_transaction": false,
        "column_types": [
            {"name": "id", "type": {"code": "INT64"}, "is_primary_key": true, "ordinal_position": 1},
            {"name": "n", "type": {"code": "NUMERIC", "type_annotation": "PG_NUMERIC"}, "is_primary_key": false,
             "ordinal_position": 2}],
        "mods": [{"keys": {"id": "1"}, "new_values": {"n": "NaN"}, "old_values": {}}], "later": 1}}"#;

    #[test]
    fn each_kind_of_record_is_decoded() {
        let mut records = JsonDecoder::default();
        let ChangeRecord::Data(data) = records.record(DATA).unwrap() else { panic!("a data change record") };
        assert_eq!(
            (data.table_name.as_str(), data.mod_type, data.record_sequence.as_str()),
            ("t", ModType::Update, "00000001")
        );
        let types: Vec<_> = data.column_types.iter().map(|column| column.ty.clone()).collect();
        assert_eq!(types, [Some(Type::Int64), Some(Type::String)]);
        assert_eq!(data.mods[0].keys().unwrap()["id"], "1");
        assert_eq!(data.mods[0].new_values().unwrap()["n"], "NaN");
        assert!(data.mods[0].old_values().unwrap().is_empty());
        let ChangeRecord::Data(again) = records.record(DATA).unwrap() else { panic!("a data change record") };
        assert!(Arc::ptr_eq(&again.column_types, &data.column_types));

        let heartbeat = r#"{"heartbeat_record": {"timestamp": "2026-01-02T03:04:05Z"}}"#;
        assert!(matches!(records.record(heartbeat), Ok(ChangeRecord::Heartbeat(_))));
        let children = r#"{"child_partitions_record": {"start_timestamp": "2026-01-02T03:04:05Z", "record_sequence": "1",
            "child_partitions": [{"token": "a", "parent_partition_tokens": ["b", "c"]}]}}"#;
        let ChangeRecord::Children(children) = records.record(children).unwrap() else { panic!("children") };
        assert_eq!(children.children[0].parents, ["b", "c"]);
    }

    #[test]
    fn unknown_record_is_an_error_without_its_data() {
        let mut records = JsonDecoder::default();
        assert_eq!(records.record(r#"{"partition_end_record": {}}"#).unwrap_err().kind(), ErrorKind::Config);
        let wrong = DATA.replace("\"UPDATE\"", "\"secret\"");
        assert!(!records.record(&wrong).unwrap_err().to_string().contains("secret"));
        assert!(!records.record("secret").unwrap_err().to_string().contains("secret"));
    }
}

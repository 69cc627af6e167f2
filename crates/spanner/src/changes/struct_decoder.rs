//! Change records in GoogleSQL: `ChangeRecord ARRAY<STRUCT<…>>`.

use std::sync::Arc;

use google_cloud_spanner::model::{StructType, Type as WireStructOrType};
use google_cloud_spanner::types::Type as WireType;
use google_cloud_spanner::value::{List, Value as Wire};
use serde_json::Value as Json;
use spanbridge_protocol::value::{Timestamp, Type};

use super::column_type_cache::ColumnTypeCache;
use super::record::{
    ChangeRecord, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType, ValueCaptureType,
};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::timestamp;

/// Decodes the records of one query from structs.
///
/// Values arrive by position. The positions are looked up by name once for each query, so that fields that Spanner adds
/// are ignored.
#[derive(Debug)]
pub(super) struct StructDecoder {
    records: [usize; 3],
    data: [usize; 13],
    column: [usize; 4],
    mods: [usize; 3],
    heartbeat: [usize; 1],
    children: [usize; 3],
    child: [usize; 2],
    column_type_cache: ColumnTypeCache<List>,
}

impl StructDecoder {
    /// Looks up the fields in the type of the result's only column.
    pub(super) fn of(ty: &WireType) -> Result<Self> {
        let record = item(&ty.clone().into())?;
        let field = |of: &StructType, name| item(at(of, name)?);
        let data = field(&record, "data_change_record")?;
        let heartbeat = field(&record, "heartbeat_record")?;
        let children = field(&record, "child_partitions_record")?;
        Ok(Self {
            records: positions(
                &record,
                ["data_change_record", "heartbeat_record", "child_partitions_record"],
            )?,
            data: positions(
                &data,
                [
                    "commit_timestamp",
                    "record_sequence",
                    "server_transaction_id",
                    "is_last_record_in_transaction_in_partition",
                    "table_name",
                    "column_types",
                    "mods",
                    "mod_type",
                    "value_capture_type",
                    "number_of_records_in_transaction",
                    "number_of_partitions_in_transaction",
                    "transaction_tag",
                    "is_system_transaction",
                ],
            )?,
            column: positions(
                &field(&data, "column_types")?,
                ["name", "type", "is_primary_key", "ordinal_position"],
            )?,
            mods: positions(&field(&data, "mods")?, ["keys", "new_values", "old_values"])?,
            heartbeat: positions(&heartbeat, ["timestamp"])?,
            children: positions(&children, ["start_timestamp", "record_sequence", "child_partitions"])?,
            child: positions(&field(&children, "child_partitions")?, ["token", "parent_partition_tokens"])?,
            column_type_cache: ColumnTypeCache::default(),
        })
    }

    /// Decodes the records in a cell.
    pub(super) fn decode(&mut self, cell: Wire) -> Result<Vec<ChangeRecord>> {
        let mut records = Vec::new();
        for record in list(cell)? {
            let [data, heartbeats, children] = self.kinds(record)?;
            for record in list(data)? {
                records.push(ChangeRecord::Data(self.data_change(record)?));
            }
            for record in list(heartbeats)? {
                let [time] = cells(record, self.heartbeat)?;
                records.push(ChangeRecord::Heartbeat(time_of(time)?));
            }
            for record in list(children)? {
                records.push(ChangeRecord::Children(self.child_partitions(record)?));
            }
        }
        Ok(records)
    }

    /// Returns the lists of the three kinds of record. A record of another kind is an error, so that it is not skipped
    /// silently: streams with mutable key ranges have such records.
    fn kinds(&self, record: Wire) -> Result<[Wire; 3]> {
        let unknown = {
            let mut kinds = record.as_list().ok_or_else(unexpected)?.iter().enumerate();
            let filled = |kind: &Wire| kind.as_list().is_some_and(|records| !records.is_empty());
            kinds.any(|(position, kind)| !self.records.contains(&position) && filled(kind))
        };
        if unknown {
            return Err(unknown_kind());
        }
        cells(record, self.records)
    }

    fn data_change(&mut self, record: Wire) -> Result<DataChange> {
        let [time, sequence, id, last, table, columns, mods, kind, capture, records, partitions, tag, system] =
            cells(record, self.data)?;
        let table_name = text(table)?;
        Ok(DataChange {
            commit_timestamp: time_of(time)?,
            record_sequence: text(sequence)?,
            server_transaction_id: text(id)?,
            is_last_record_in_transaction_in_partition: flag(&last)?,
            column_types: self.column_types(&table_name, columns)?,
            table_name,
            mods: list(mods)?.into_iter().map(|value| self.row(value)).collect::<Result<_>>()?,
            mod_type: kind.as_str().and_then(ModType::parse).ok_or_else(unexpected)?,
            value_capture_type: capture.as_str().and_then(ValueCaptureType::parse).ok_or_else(unexpected)?,
            number_of_records_in_transaction: number(&records)?,
            number_of_partitions_in_transaction: number(&partitions)?,
            transaction_tag: text(tag)?,
            is_system_transaction: flag(&system)?,
        })
    }

    fn column_types(&mut self, table: &str, columns: Wire) -> Result<Arc<[ColumnType]>> {
        let columns = columns.into_list().ok_or_else(unexpected)?;
        let at = self.column;
        let read =
            |columns: &List| columns.clone().into_values().into_iter().map(|it| column(at, it)).collect();
        self.column_type_cache.get(table, columns, read)
    }

    fn row(&self, row: Wire) -> Result<Mod> {
        let [keys, new_values, old_values] = cells(row, self.mods)?;
        Ok(Mod { keys: text(keys)?, new_values: text(new_values)?, old_values: text(old_values)? })
    }

    fn child_partitions(&self, record: Wire) -> Result<ChildPartitions> {
        let [start, sequence, children] = cells(record, self.children)?;
        let child = |child| {
            let [token, parents] = cells(child, self.child)?;
            let parents = list(parents)?.into_iter().map(text).collect::<Result<_>>()?;
            Ok(ChildPartition { token: text(token)?, parents })
        };
        Ok(ChildPartitions {
            start_timestamp: time_of(start)?,
            record_sequence: text(sequence)?,
            children: list(children)?.into_iter().map(child).collect::<Result<_>>()?,
        })
    }
}

fn column(at: [usize; 4], column: Wire) -> Result<ColumnType> {
    let [name, json, key, ordinal] = cells(column, at)?;
    let json = text(json)?;
    Ok(ColumnType {
        name: text(name)?,
        ty: serde_json::from_str(&json).ok().as_ref().and_then(type_of),
        json,
        is_primary_key: flag(&key)?,
        ordinal_position: number(&ordinal)?,
    })
}

/// Reads the type in a change record's JSON: `{"code":"ARRAY","array_element_type":{"code":"INT64"}}`.
pub(super) fn type_of(json: &Json) -> Option<Type> {
    match json.get("code")?.as_str()? {
        code @ ("PROTO" | "ENUM") => {
            let name = json.get("proto_type_fqn")?.as_str()?.to_owned();
            Some(if code == "PROTO" { Type::Proto(name) } else { Type::Enum(name) })
        }
        "ARRAY" => Some(Type::Array(Box::new(type_of(json.get("array_element_type")?)?))),
        code => match json.get("type_annotation").and_then(Json::as_str) {
            None => Type::parse(code),
            // Carried as text, as in `Type::parse`.
            Some("PG_NUMERIC") => Some(Type::String),
            Some("PG_JSONB") => Some(Type::Json),
            Some(_) => None,
        },
    }
}

/// Returns the struct type of an array's items.
fn item(array: &WireStructOrType) -> Result<StructType> {
    let item = array.array_element_type.as_ref().and_then(|item| item.struct_type.as_ref());
    item.map(|item| (**item).clone()).ok_or_else(unexpected)
}

fn at<'a>(of: &'a StructType, name: &str) -> Result<&'a WireStructOrType> {
    let field = of.fields.iter().find(|field| field.name == name);
    field.and_then(|field| field.r#type.as_deref()).ok_or_else(|| missing(name))
}

fn positions<const N: usize>(of: &StructType, names: [&str; N]) -> Result<[usize; N]> {
    let mut positions = [0; N];
    for (position, name) in positions.iter_mut().zip(names) {
        *position = of.fields.iter().position(|field| field.name == name).ok_or_else(|| missing(name))?;
    }
    Ok(positions)
}

/// Returns the struct's values at these positions.
fn cells<const N: usize>(value: Wire, positions: [usize; N]) -> Result<[Wire; N]> {
    let mut values = value.into_list().ok_or_else(unexpected)?.into_values();
    let mut cells = [const { None }; N];
    for (cell, position) in cells.iter_mut().zip(positions) {
        *cell = Some(std::mem::take(values.get_mut(position).ok_or_else(unexpected)?));
    }
    Ok(cells.map(Option::unwrap_or_default))
}

fn list(value: Wire) -> Result<Vec<Wire>> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    value.into_list().map(List::into_values).ok_or_else(unexpected)
}

/// Reads a string; NULL is the empty string.
fn text(value: Wire) -> Result<String> {
    if value.is_null() { Ok(String::new()) } else { value.into_string().ok_or_else(unexpected) }
}

fn flag(value: &Wire) -> Result<bool> {
    if value.is_null() { Ok(false) } else { value.as_bool().ok_or_else(unexpected) }
}

fn number(value: &Wire) -> Result<i64> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(unexpected)
}

fn time_of(value: Wire) -> Result<Timestamp> {
    value.as_str().and_then(timestamp).ok_or_else(unexpected)
}

pub(super) fn unknown_kind() -> Error {
    let message = "the stream contains a kind of record that this version does not support";
    Error::new(ErrorKind::Config, "change record", message)
}

pub(super) fn unexpected() -> Error {
    Error::bug("change record", "a field of the record does not have its documented type")
}

fn missing(field: &str) -> Error {
    Error::bug("change record", format!("the record has no field {field}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn column_types_are_parsed() {
        assert_eq!(type_of(&json!({"code": "INT64"})), Some(Type::Int64));
        let array = json!({"code": "ARRAY", "array_element_type": {"code": "STRING"}});
        assert_eq!(type_of(&array), Some(Type::Array(Box::new(Type::String))));
        let annotated =
            |annotation: &str| type_of(&json!({"code": "NUMERIC", "type_annotation": annotation}));
        assert_eq!((annotated("PG_NUMERIC"), annotated("PG_OTHER")), (Some(Type::String), None));
        assert_eq!(type_of(&json!({"code": "STRUCT"})), None);
    }
}

//! The `ChangeRecord` of the API: `ARRAY<STRUCT<…>>`, one record in each row.

use googleapis_tonic_google_spanner_v1::google::spanner::v1::struct_type::Field;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{StructType, Type, TypeCode};
use prost_types::value::Kind;
use prost_types::{ListValue, Value as Wire};
use spanbridge_protocol::value::{Timestamp, Value};

use super::record::Record;
use crate::cell::emit;

/// The columns of the result.
pub(crate) fn row_type() -> StructType {
    let of = |code: TypeCode| Type { code: code.into(), ..Type::default() };
    let string = || of(TypeCode::String);
    let json = || of(TypeCode::Json);
    let (flag, number, time) = (of(TypeCode::Bool), of(TypeCode::Int64), of(TypeCode::Timestamp));
    let columns = structs(&[
        ("name", string()),
        ("type", json()),
        ("is_primary_key", flag.clone()),
        ("ordinal_position", number.clone()),
    ]);
    let mods = structs(&[("keys", json()), ("new_values", json()), ("old_values", json())]);
    let data = structs(&[
        ("commit_timestamp", time.clone()),
        ("record_sequence", string()),
        ("server_transaction_id", string()),
        ("is_last_record_in_transaction_in_partition", flag.clone()),
        ("table_name", string()),
        ("column_types", columns),
        ("mods", mods),
        ("mod_type", string()),
        ("value_capture_type", string()),
        ("number_of_records_in_transaction", number.clone()),
        ("number_of_partitions_in_transaction", number),
        ("transaction_tag", string()),
        ("is_system_transaction", flag),
    ]);
    let heartbeats = structs(&[("timestamp", time.clone())]);
    let child = structs(&[("token", string()), ("parent_partition_tokens", array(string()))]);
    let children =
        structs(&[("start_timestamp", time), ("record_sequence", string()), ("child_partitions", child)]);
    let record = structs(&[
        ("data_change_record", data),
        ("heartbeat_record", heartbeats),
        ("child_partitions_record", children),
    ]);
    fields(&[("ChangeRecord", record)])
}

fn array(item: Type) -> Type {
    Type { code: TypeCode::Array.into(), array_element_type: Some(Box::new(item)), ..Type::default() }
}

fn fields(named: &[(&str, Type)]) -> StructType {
    let field = |(name, ty): &(&str, Type)| Field { name: (*name).to_owned(), r#type: Some(ty.clone()) };
    StructType { fields: named.iter().map(field).collect() }
}

fn structs(named: &[(&str, Type)]) -> Type {
    let item = Type { code: TypeCode::Struct.into(), struct_type: Some(fields(named)), ..Type::default() };
    array(item)
}

fn list(values: impl IntoIterator<Item = Wire>) -> Wire {
    Wire { kind: Some(Kind::ListValue(ListValue { values: values.into_iter().collect() })) }
}

fn cell(value: impl Into<Value>) -> Wire {
    emit(&value.into())
}

fn number(value: usize) -> Wire {
    cell(i64::try_from(value).unwrap_or(i64::MAX))
}

fn time(at: Timestamp) -> Wire {
    emit(&Value::Timestamp(at))
}

/// Encodes a row with one record of one of the three kinds.
fn row(kind: usize, record: Wire) -> Wire {
    let mut record = Some(record);
    let kinds = (0..3).map(|place| list(record.take_if(|_| place == kind)));
    list([list(kinds.collect::<Vec<_>>())])
}

pub(super) fn data(record: &Record) -> Wire {
    let columns = record.columns.iter().map(|(name, ty, is_key, place)| {
        list([cell(name.as_str()), cell(ty.as_str()), cell(*is_key), number(*place)])
    });
    let mods = record.mods.iter().map(|values| list(values.iter().map(|text| cell(text.as_str()))));
    let fields = [
        time(record.timestamp),
        cell(format!("{:08}", record.sequence)),
        cell(record.transaction.as_str()),
        cell(record.is_last),
        cell(record.table.as_str()),
        list(columns),
        list(mods),
        cell(record.kind),
        cell(record.capture.as_str()),
        number(record.records),
        number(record.partitions),
        cell(record.tag.as_str()),
        cell(false),
    ];
    row(0, list(fields))
}

pub(super) fn heartbeat(at: Timestamp) -> Wire {
    row(1, list([time(at)]))
}

/// Encodes a record with one child. Each child has its own record.
pub(super) fn child(start: Timestamp, sequence: usize, token: &str, parents: &[String]) -> Wire {
    let parents = list(parents.iter().map(|parent| cell(parent.as_str())));
    let children = list([list([cell(token), parents])]);
    row(2, list([time(start), cell(format!("{sequence:08}")), children]))
}

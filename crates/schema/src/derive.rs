//! Avro schemas of a Spanner table, as Debezium's Spanner connector and Confluent's Avro converter
//! together write them.
//!
//! | Spanner | Avro |
//! | --- | --- |
//! | BOOL | boolean |
//! | INT64 | long |
//! | FLOAT32 | float |
//! | FLOAT64 | double |
//! | NUMERIC, STRING, DATE, TIMESTAMP, JSON | string |
//! | UUID | string, `connect.name` `io.debezium.data.Uuid` |
//! | BYTES | bytes |
//! | ARRAY\<T\> | array of \["null", T\] |
//!
//! A key column that is NOT NULL is required; every other column is `["null", T]` with default null,
//! so that a delete or a partial change has room. Source: Debezium's `KafkaSpannerTableSchemaFactory`
//! and `ColumnTypeSchemaMapper` (3.7), Confluent's `AvroData`.
//!
//! Names of records are `{table}.Key` and `{table}.Value`, what Avro forbids replaced by `_`.

use std::collections::HashMap;

use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;

use crate::definition::{Annotated, Field, Node, Record};
use crate::{Error, Kind, Result, Schema, name};

/// A record schema of a table's columns.
#[derive(Debug, Clone)]
pub struct RowSchema {
    schema: Schema,
    record: Record,
    columns: Vec<RowColumn>,
}

/// One column of a [`RowSchema`], in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowColumn {
    /// The column's name in Spanner.
    pub column: String,
    /// The field's name in Avro.
    pub field: String,
    pub ty: Type,
    /// A union with null.
    pub optional: bool,
}

impl RowSchema {
    /// The Avro schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its columns, in the order of its fields.
    pub fn columns(&self) -> &[RowColumn] {
        &self.columns
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }
}

/// The schema of the record key, `{table}.Key`: the primary key's columns in key order.
///
/// Fails with [`Kind::Underivable`] for a table without a key.
pub fn key(table: &Table) -> Result<RowSchema> {
    let columns = table.key();
    if columns.is_empty() {
        return Err(underivable(table, "it has no primary key to key its records with"));
    }
    row_schema(table, "Key", &columns)
}

/// The schema of a row, `{table}.Value`: all columns in table order.
///
/// Fails with [`Kind::Underivable`] when two columns have the same name in Avro.
pub fn row(table: &Table) -> Result<RowSchema> {
    row_schema(table, "Value", &table.columns.iter().collect::<Vec<_>>())
}

fn row_schema(table: &Table, suffix: &str, columns: &[&Column]) -> Result<RowSchema> {
    let mut seen = HashMap::new();
    let (mut fields, mut row_columns) = (Vec::new(), Vec::new());
    for column in columns {
        let field = name::part(&column.name);
        if let Some(other) = seen.insert(field.clone(), &column.name) {
            let what =
                format!("its columns {other} and {} are both {field} in Avro; rename one", column.name);
            return Err(underivable(table, &what));
        }
        let optional = column.nullable || column.key_ordinal.is_none();
        let node = node(&column.ty);
        fields.push(match optional {
            true => Field::optional(&field, node),
            false => Field::required(&field, node),
        });
        row_columns.push(RowColumn { column: column.name.clone(), field, ty: column.ty.clone(), optional });
    }
    let record = Record::new(name::full(&format!("{}.{suffix}", table.name)), None, fields);
    let schema = Schema::parse(&record.text())
        .map_err(|error| underivable(table, &format!("its Avro schema is refused: {error}")))?;
    Ok(RowSchema { schema, record, columns: row_columns })
}

fn node(ty: &Type) -> Node {
    Node::primitive(match ty {
        Type::Bool => "boolean",
        Type::Int64 | Type::Enum(_) => "long",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Numeric | Type::String | Type::Date | Type::Timestamp | Type::Json => "string",
        Type::Bytes | Type::Proto(_) => "bytes",
        Type::Uuid => {
            return Node::Annotated(Annotated {
                primitive: "string",
                version: 1,
                parameters: None,
                default: None,
                name: "io.debezium.data.Uuid",
            });
        }
        Type::Array(item) => return Node::array(node(item).optional()),
    })
}

fn underivable(table: &Table, why: &str) -> Error {
    Error::new(Kind::Underivable, format!("no Avro schema can be derived from table {}: {why}", table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, ty: Type, key: Option<usize>) -> Column {
        Column {
            name: name.into(),
            ty,
            length: None,
            nullable: key.is_none(),
            generated: false,
            has_default: false,
            commit_timestamp: false,
            key_ordinal: key,
            key_descending: false,
        }
    }

    #[test]
    fn a_key_has_its_columns_in_key_order() {
        let table = Table {
            name: "Flights".into(),
            columns: vec![
                column("Note", Type::String, None),
                column("Id", Type::Int64, Some(1)),
                column("Day", Type::Date, Some(0)),
            ],
            parent: None,
        };
        assert_eq!(
            key(&table).unwrap().schema().text(),
            r#"{"type":"record","name":"Key","namespace":"Flights","fields":[{"name":"Day","type":"string"},{"name":"Id","type":"long"}],"connect.name":"Flights.Key"}"#
        );
        let names: Vec<String> = row(&table).unwrap().columns().iter().map(|c| c.field.clone()).collect();
        assert_eq!(names, ["Note", "Id", "Day"]);
    }

    #[test]
    fn each_type_has_its_avro_type() {
        let mut nullable = column("Uuid", Type::Uuid, Some(0));
        nullable.nullable = true;
        let table = Table {
            name: "s.T".into(),
            columns: vec![nullable, column("A", Type::Array(Box::new(Type::Float32)), None)],
            parent: None,
        };
        assert_eq!(
            row(&table).unwrap().schema().text(),
            concat!(
                r#"{"type":"record","name":"Value","namespace":"s.T","fields":["#,
                r#"{"name":"Uuid","type":["null",{"type":"string","connect.version":1,"connect.name":"io.debezium.data.Uuid"}],"default":null},"#,
                r#"{"name":"A","type":["null",{"type":"array","items":["null","float"]}],"default":null}],"#,
                r#""connect.name":"s.T.Value"}"#
            )
        );
    }

    #[test]
    fn what_cannot_be_derived_is_refused() {
        let mut table =
            Table { name: "T".into(), columns: vec![column("a b", Type::Bool, None)], parent: None };
        assert_eq!(key(&table).unwrap_err().kind(), Kind::Underivable);
        table.columns.push(column("a-b", Type::Bool, None));
        let error = row(&table).unwrap_err();
        assert_eq!(error.kind(), Kind::Underivable);
        assert!(error.to_string().contains("a b and a-b"), "{error}");
    }
}

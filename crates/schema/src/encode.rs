//! Rows to Avro values, and Avro values to framed payloads.
//!
//! Values are rendered as Debezium does (see [`crate::derive`]): NUMERIC in its shortest form,
//! TIMESTAMP in RFC 3339 and UTC with 0, 3, 6 or 9 digits of fraction, DATE as `YYYY-MM-DD`.

use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use chrono::SecondsFormat;
use spanbridge_protocol::value::{Type, Value};

use crate::convert::{ConvertError, Fault};
use crate::derive::RowSchema;
use crate::{Error, Kind, Result, Schema, frame};

/// Room for a record of usual size.
const TYPICAL: usize = 512;

/// The Avro value of one row, or key; `lookup` gives the value of a column, and nothing is null.
///
/// Fails with [`Kind::Encode`] when a value does not fit its column, or a required one is missing.
pub fn row<'v>(schema: &RowSchema, lookup: impl Fn(&str) -> Option<&'v Value>) -> Result<Avro> {
    let fields = schema.columns().iter().map(|column| {
        let value = lookup(&column.column).unwrap_or(&Value::Null);
        let encoded = match (column.optional, value) {
            (true, Value::Null) => Ok(Avro::Union(0, Box::new(Avro::Null))),
            (true, value) => to_avro(value, &column.ty).map(|value| Avro::Union(1, Box::new(value))),
            (false, value) => to_avro(value, &column.ty),
        };
        match encoded {
            Ok(value) => Ok((column.field.clone(), value)),
            Err(error) => Err(Error::new(Kind::Encode, format!("column {}: {error}", column.column))),
        }
    });
    fields.collect::<Result<_>>().map(Avro::Record)
}

/// The Avro value of a value that is not null; items of an array are `["null", T]`.
///
/// Fails when the value is null or of another type than the column, or a FLOAT32 needs more digits.
pub fn to_avro(value: &Value, ty: &Type) -> std::result::Result<Avro, ConvertError> {
    let refused = |fault| ConvertError::to_avro(value, ty, fault);
    Ok(match (value, ty) {
        (Value::Bool(value), Type::Bool) => Avro::Boolean(*value),
        (Value::Int64(value), Type::Int64 | Type::Enum(_)) => Avro::Long(*value),
        (Value::Float64(value), Type::Float64) => Avro::Double(value.0),
        (Value::Float64(value), Type::Float32) => {
            crate::convert::narrow(value.0).map(Avro::Float).ok_or_else(|| refused(Fault::Precision))?
        }
        (Value::Numeric(value), Type::Numeric) => Avro::String(value.to_string()),
        (Value::String(text), Type::String | Type::Uuid) | (Value::Json(text), Type::Json) => {
            Avro::String(text.clone())
        }
        (Value::Bytes(bytes), Type::Bytes | Type::Proto(_)) => Avro::Bytes(bytes.clone()),
        (Value::Date(day), Type::Date) => Avro::String(day.to_string()),
        (Value::Timestamp(at), Type::Timestamp) => {
            Avro::String(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        (Value::Array(items), Type::Array(item)) => Avro::Array(
            items
                .iter()
                .map(|value| match value {
                    Value::Null => Ok(Avro::Union(0, Box::new(Avro::Null))),
                    value => to_avro(value, item).map(|value| Avro::Union(1, Box::new(value))),
                })
                .collect::<std::result::Result<_, _>>()?,
        ),
        (Value::Null, _) => return Err(refused(Fault::Null)),
        _ => return Err(refused(Fault::Type)),
    })
}

/// The framed payload of a value of that schema, whose id in the registry is `id`.
///
/// The value is validated against the schema on the way (apache-avro writes unreadable bytes
/// otherwise); no schema is resolved. Fails with [`Kind::Encode`].
pub fn encode(id: u32, schema: &Schema, value: &Avro) -> Result<Vec<u8>> {
    let mut frame = frame::start(id, TYPICAL);
    // The library's errors may quote the value.
    GenericDatumWriter::builder(schema.avro())
        .resolved_schemata(schema.resolved()?)
        .build()
        .and_then(|writer| writer.write_value_ref(&mut frame, value))
        .map_err(|_| {
            let name = schema.name().unwrap_or("without a name");
            Error::new(Kind::Encode, format!("a value does not fit the schema {name}"))
        })?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Limits, datum};
    use crate::derive;
    use chrono::{DateTime, NaiveDate, Utc};
    use spanbridge_protocol::table::{Column, Table};

    fn table() -> Table {
        let column = |name: &str, ty, key_ordinal: Option<usize>| Column {
            name: name.into(),
            ty,
            length: None,
            nullable: key_ordinal.is_none(),
            generated: false,
            has_default: false,
            commit_timestamp: false,
            key_ordinal,
            key_descending: false,
        };
        Table {
            name: "T".into(),
            columns: vec![
                column("Id", Type::Int64, Some(0)),
                column("Numeric", Type::Numeric, None),
                column("At", Type::Timestamp, None),
                column("Day", Type::Date, None),
                column("Real", Type::Float32, None),
                column("Items", Type::Array(Box::new(Type::Bytes)), None),
            ],
            parent: None,
        }
    }

    #[test]
    fn a_row_is_rendered_as_debezium_does_and_reads_back() {
        let at: DateTime<Utc> = "2026-11-22T03:47:42.120Z".parse().unwrap();
        let values = [
            ("Id", Value::Int64(1)),
            ("Numeric", Value::Numeric("12.50".parse().unwrap())),
            ("At", Value::Timestamp(at)),
            ("Day", Value::Date(NaiveDate::from_ymd_opt(1, 2, 3).unwrap())),
            ("Real", Value::from(0.5)),
            ("Items", Value::Array(vec![Value::Bytes(vec![1]), Value::Null])),
        ];
        let lookup = |name: &str| values.iter().find(|(column, _)| *column == name).map(|(_, value)| value);
        let schema = derive::row(&table()).unwrap();
        let value = row(&schema, lookup).unwrap();
        let frame = encode(7, schema.schema(), &value).unwrap();
        let (id, payload) = frame::split(&frame).unwrap();
        assert_eq!(id, 7);
        assert_eq!(datum(schema.schema(), payload, Limits::default()).unwrap(), value);
        let some = |text: &str| Avro::Union(1, Box::new(Avro::String(text.into())));
        let Avro::Record(fields) = value else { panic!("a row is a record") };
        assert_eq!(fields[0], ("Id".into(), Avro::Long(1)));
        assert_eq!(fields[1], ("Numeric".into(), some("12.5")));
        assert_eq!(fields[2], ("At".into(), some("2026-11-22T03:47:42.120Z")));
        assert_eq!(fields[3], ("Day".into(), some("0001-02-03")));
    }

    #[test]
    fn what_does_not_fit_is_an_error_without_the_value() {
        let schema = derive::row(&table()).unwrap();
        let error = row(&schema, |_| None).unwrap_err();
        assert_eq!(error.kind(), Kind::Encode);
        assert!(error.to_string().starts_with("column Id:"), "{error}");
        let secret = Value::from("s3cret");
        let error = row(&schema, |_| Some(&secret)).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let error = to_avro(&Value::from(0.1), &Type::Float32).unwrap_err();
        assert_eq!(error.fault(), Fault::Precision);
        let wrong = Avro::String("s3cret".into());
        let error = encode(1, schema.schema(), &wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Encode);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

//! Encodes values in Avro.
//!
//! [`encode`] writes a value of apache-avro with its frame. [`record_value`] builds such a value from the fields of a
//! published record; the [`Encoder`](crate::Encoder) calls both.

use apache_avro::Decimal;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use super::AvroSchema;
use crate::convert::{ConvertError, ConvertErrorKind, literal, to_float32};
use crate::definition::{
    FieldDefinition, FieldKind, FieldValue, Presence, RecordDefinition, TimestampEncoding, TypeMapping,
};
use crate::{Error, ErrorKind, Result, frame};

/// Encodes a value with its frame. `id` is the id of `schema` in the registry.
///
/// The value is validated against the schema, because apache-avro otherwise writes unreadable bytes. No schema is
/// resolved.
///
/// # Errors
/// [`ErrorKind::Encode`] if the value does not fit the schema.
pub fn encode(id: u32, schema: &AvroSchema, value: &Avro) -> Result<Vec<u8>> {
    let mut frame = frame::start(id, frame::TYPICAL_PAYLOAD);
    // The library's errors may quote the value.
    GenericDatumWriter::builder(schema.avro())
        .resolved_schemata(schema.resolved()?)
        .build()
        .and_then(|writer| writer.write_value_ref(&mut frame, value))
        .map_err(|_| {
            let name = schema.name().unwrap_or("without a name");
            Error::new(ErrorKind::Encode, format!("a value does not fit the Avro schema {name}"))
        })?;
    Ok(frame)
}

/// The Avro value of a record with these fields.
pub(crate) fn record_value(record: &RecordDefinition, fields: Vec<FieldValue>) -> Result<Avro> {
    let fields = record.fields().iter().zip(fields).map(|(field, item)| {
        let value = field_value(field, item).map_err(|error| error.in_field(&field.name))?;
        Ok((field.name.clone(), value))
    });
    fields.collect::<Result<_>>().map(Avro::Record)
}

fn field_value(field: &FieldDefinition, item: FieldValue) -> Result<Avro> {
    let null = item.is_null();
    Ok(match field.presence {
        Presence::Required => present_value(&field.kind, item)?,
        Presence::Optional if null => branch(0, Avro::Null),
        Presence::Optional => branch(1, present_value(&field.kind, item)?),
        Presence::Defaulted(_) if null => branch(1, Avro::Null),
        Presence::Defaulted(_) => branch(0, present_value(&field.kind, item)?),
    })
}

fn branch(index: u32, value: Avro) -> Avro {
    Avro::Union(index, Box::new(value))
}

/// The value of a field that is not null.
fn present_value(kind: &FieldKind, item: FieldValue) -> Result<Avro> {
    match (kind, item) {
        (FieldKind::Value(ty, mapping), FieldValue::Value(value)) => Ok(column_value(value, ty, *mapping)?),
        (FieldKind::Int32, FieldValue::Value(Value::Int64(number))) => {
            i32::try_from(number).map(Avro::Int).map_err(|_| Error::mismatch())
        }
        (FieldKind::Snapshot, FieldValue::Value(Value::String(word))) => Ok(Avro::String(word)),
        (FieldKind::Names, FieldValue::Value(Value::Array(names))) => {
            let name = |name| match name {
                Value::String(name) => Ok(Avro::String(name)),
                _ => Err(Error::mismatch()),
            };
            names.into_iter().map(name).collect::<Result<_>>().map(Avro::Array)
        }
        (FieldKind::Record(definition), FieldValue::Record(fields)) => record_value(definition, fields),
        (FieldKind::Records(definition), FieldValue::Records(items)) => {
            let items = items.into_iter().map(|item| match item {
                FieldValue::Record(fields) => record_value(definition, fields),
                _ => Err(Error::mismatch()),
            });
            items.collect::<Result<_>>().map(Avro::Array)
        }
        _ => Err(Error::mismatch()),
    }
}

/// The Avro value of a column value that is not null. The items of an array are of type `["null", T]`.
fn column_value(value: Value, ty: &Type, mapping: TypeMapping) -> std::result::Result<Avro, ConvertError> {
    let error = |value: &Value, fault| ConvertError::encode(value, ty, fault);
    Ok(match (value, ty, mapping) {
        (Value::Bool(value), Type::Bool, _) => Avro::Boolean(value),
        (Value::Int64(value), Type::Int64 | Type::Enum(_), _) => Avro::Long(value),
        (Value::Float64(value), Type::Float64, _) => Avro::Double(value.0),
        (Value::Float64(value), Type::Float32, _) => to_float32(value.0)
            .map(Avro::Float)
            .ok_or_else(|| error(&Value::Float64(value), ConvertErrorKind::Precision))?,
        (Value::Bytes(bytes), Type::Bytes | Type::Proto(_), _) => Avro::Bytes(bytes),
        (Value::Array(items), Type::Array(item), _) => {
            let items = items.into_iter().map(|value| match value {
                Value::Null => Ok(branch(0, Avro::Null)),
                value => column_value(value, item, mapping).map(|value| branch(1, value)),
            });
            Avro::Array(items.collect::<std::result::Result<_, _>>()?)
        }
        (Value::Numeric(value), Type::Numeric, TypeMapping::Native(_)) => {
            Avro::Decimal(Decimal::from(twos_complement(value.billionths())))
        }
        (Value::Date(day), Type::Date, TypeMapping::Native(_)) => {
            let days = (day - chrono::NaiveDate::default()).num_days();
            // Always fits: the days of the years 1 to 9999 have less than 32 bits.
            Avro::Date(i32::try_from(days).map_err(|_| error(&Value::Date(day), ConvertErrorKind::Range))?)
        }
        (Value::String(text), Type::Uuid, TypeMapping::Native(_)) => match uuid::Uuid::try_parse(&text) {
            Ok(uuid) => Avro::Uuid(uuid),
            Err(_) => return Err(error(&Value::String(text), ConvertErrorKind::Syntax)),
        },
        (Value::Timestamp(at), Type::Timestamp, TypeMapping::Native(TimestampEncoding::Micros)) => {
            micros(at).map(Avro::TimestampMicros).map_err(|fault| error(&Value::Timestamp(at), fault))?
        }
        (Value::Timestamp(at), Type::Timestamp, TypeMapping::Native(TimestampEncoding::Nanos)) => {
            let nanos = at.timestamp_nanos_opt();
            Avro::TimestampNanos(nanos.ok_or_else(|| error(&Value::Timestamp(at), ConvertErrorKind::Range))?)
        }
        (Value::Null, ..) => return Err(error(&Value::Null, ConvertErrorKind::Null)),
        (value, ..) => {
            let error = error(&value, ConvertErrorKind::Type);
            Avro::String(literal(value, ty).ok_or(error)?)
        }
    })
}

/// Microseconds since 1970, if the timestamp has no finer digits.
fn micros(at: Timestamp) -> std::result::Result<i64, ConvertErrorKind> {
    if at.timestamp_subsec_nanos().is_multiple_of(1_000) {
        Ok(at.timestamp_micros())
    } else {
        Err(ConvertErrorKind::Precision)
    }
}

/// The big-endian two's complement of `value`, in as few bytes as hold its sign.
fn twos_complement(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let filling = if value < 0 { 0xff } else { 0 };
    let mut start = bytes.iter().take_while(|byte| **byte == filling).count().min(bytes.len() - 1);
    let sign = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0x80 != 0);
    if start > 0 && sign(start) != (value < 0) {
        start -= 1;
    }
    bytes[start..].to_vec()
}

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::{Message, fields};
use crate::connect;
use crate::datum::{Datum, Encoded, Instant, Names, Period, Record, Symbol};

impl Message {
    /// A message of this type as a datum: fields that are absent are null, where absence can be told. `keep`: each
    /// record has its message with it.
    pub(crate) fn datum(&self, message: DynamicMessage, keep: bool) -> Datum {
        Converter { names: &self.schema.names, keep }.message(message)
    }
}

struct Converter<'a> {
    names: &'a HashMap<String, Arc<Names>>,
    keep: bool,
}

impl Converter<'_> {
    fn message(&self, mut message: DynamicMessage) -> Datum {
        let descriptor = message.descriptor();
        let encoded = self
            .keep
            .then(|| Encoded { name: descriptor.full_name().into(), bytes: message.encode_to_vec() });
        let values = fields(&descriptor).map(|field| {
            // A list, a map, and a scalar of proto3 without `optional` are never absent.
            let value = match message.take_field(&field) {
                Some(value) => value,
                None if field.supports_presence() => return Datum::Null,
                None => field.default_value(),
            };
            self.converted(value, &field)
        });
        let values = values.collect();
        let names = match self.names.get(descriptor.full_name()) {
            Some(names) => Arc::clone(names),
            None => Arc::new(Names::new(fields(&descriptor).map(|field| field.name().to_owned()).collect())),
        };
        let record = Record::new(names, values);
        natural(descriptor.full_name(), &record).unwrap_or_else(|| Datum::Record(record.of_message(encoded)))
    }

    fn converted(&self, value: Value, field: &FieldDescriptor) -> Datum {
        match value {
            Value::List(items) => {
                Datum::List(items.into_iter().map(|item| self.single(item, &field.kind())).collect())
            }
            Value::Map(entries) => {
                let Kind::Message(entry) = field.kind() else { return Datum::Null };
                let kind = entry.map_entry_value_field().kind();
                let entries = entries.into_iter().map(|(name, value)| (key(name), self.single(value, &kind)));
                Datum::Map(entries.collect())
            }
            value => self.single(value, &field.kind()),
        }
    }

    fn single(&self, value: Value, kind: &Kind) -> Datum {
        match value {
            Value::Bool(value) => Datum::Bool(value),
            Value::I32(value) => Datum::Int(i64::from(value)),
            Value::I64(value) => Datum::Int(value),
            Value::U32(value) => Datum::UInt(u64::from(value)),
            Value::U64(value) => Datum::UInt(value),
            Value::F32(value) => Datum::Float(value),
            Value::F64(value) => Datum::Double(value),
            Value::String(text) => Datum::String(text),
            Value::Bytes(bytes) => Datum::Bytes(bytes.to_vec()),
            Value::EnumNumber(number) => {
                let symbol = kind.as_enum().and_then(|symbols| symbols.get_value(number));
                match symbol {
                    Some(symbol) => {
                        Datum::Enum(Symbol { name: symbol.name().to_owned(), number: Some(number) })
                    }
                    // An enum is open: a number that this schema has no name for.
                    None => Datum::Int(i64::from(number)),
                }
            }
            Value::Message(message) => self.message(message),
            // Neither is nested in a list or map without a message between.
            Value::List(_) | Value::Map(_) => Datum::Null,
        }
    }
}

fn key(key: MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key,
    }
}

/// What a well-known message means; nothing when it is another message, or its fields mean nothing.
fn natural(name: &str, record: &Record) -> Option<Datum> {
    let get = |field: &str| record.get(field).cloned();
    let int = |field: &str| match record.get(field) {
        Some(Datum::Int(value)) => Some(*value),
        Some(Datum::UInt(value)) => i64::try_from(*value).ok(),
        _ => None,
    };
    match name {
        "google.protobuf.Timestamp" => {
            Instant::new(int("seconds")?, u32::try_from(int("nanos")?).ok()?).map(Datum::Timestamp)
        }
        "google.protobuf.Duration" => {
            let nanos = i128::from(int("seconds")?) * 1_000_000_000 + i128::from(int("nanos")?);
            Some(Datum::Duration(Box::new(Period::of_nanos(nanos))))
        }
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => get("value"),
        "google.protobuf.Struct" => get("fields"),
        "google.protobuf.ListValue" => get("values"),
        "google.protobuf.Value" => {
            Some(record.fields().map(|(_, value)| value).find(|value| !value.is_null()).map_or(
                Datum::Null,
                |value| {
                    match value {
                        // Its one symbol is NULL_VALUE.
                        Datum::Enum(_) => Datum::Null,
                        value => value.clone(),
                    }
                },
            ))
        }
        "google.type.Date" => {
            let part = |field: &str| u32::try_from(int(field)?).ok();
            let day = NaiveDate::from_ymd_opt(
                i32::try_from(int("year")?).ok().filter(|year| *year > 0)?,
                part("month")?,
                part("day")?,
            )?;
            Some(Datum::Date((day - NaiveDate::default()).num_days()))
        }
        "google.type.TimeOfDay" => {
            let seconds = (int("hours")? * 60 + int("minutes")?) * 60 + int("seconds")?;
            Some(Datum::Time(seconds * 1_000_000_000 + int("nanos")?))
        }
        "confluent.type.Decimal" => match record.get("value")? {
            Datum::Bytes(bytes) => Some(Datum::Decimal(connect::decimal(bytes, int("scale")?))),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_date_stays_a_record() {
        let names = Arc::new(Names::new(["year", "month", "day"].map(str::to_owned).into()));
        let date = |values: [i64; 3]| {
            let record = Record::new(Arc::clone(&names), values.map(Datum::Int).into());
            natural("google.type.Date", &record)
        };
        assert_eq!(date([1970, 1, 2]), Some(Datum::Date(1)));
        for partial in [[2024, 0, 0], [0, 1, 1], [2023, 2, 29], [i64::MAX, 1, 1], [2024, -1, 1]] {
            assert_eq!(date(partial), None);
        }
    }
}

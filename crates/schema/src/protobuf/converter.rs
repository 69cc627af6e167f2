//! The conversion of Protobuf messages to datums.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::{MessageType, fields, well_known};
use crate::datum::{Datum, EncodedMessage, FieldNames, Record, Symbol};

/// The reason for a value that does not have the type of its field.
const UNEXPECTED_VALUE: &str = "the value does not have the type of its field";

/// Converts a message of type `ty` to a datum. A field that is absent and has presence is null.
///
/// With `keep_messages`, each record also holds its encoded message.
pub(super) fn convert(ty: &MessageType, message: DynamicMessage, keep_messages: bool) -> Datum {
    Converter { names: &ty.schema.names, keep_messages }.message(message)
}

struct Converter<'a> {
    names: &'a HashMap<String, Arc<FieldNames>>,
    keep_messages: bool,
}

impl Converter<'_> {
    fn message(&self, mut message: DynamicMessage) -> Datum {
        let descriptor = message.descriptor();
        let encoded = self
            .keep_messages
            .then(|| EncodedMessage { name: descriptor.full_name().into(), bytes: message.encode_to_vec() });
        let values = fields(&descriptor).map(|field| {
            // A list, a map, and a scalar of proto3 without `optional` have no presence.
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
            None => {
                Arc::new(FieldNames::new(fields(&descriptor).map(|field| field.name().to_owned()).collect()))
            }
        };
        let record = Record::new(names, values);
        well_known::datum(descriptor.full_name(), &record)
            .unwrap_or_else(|| Datum::Record(record.with_message(encoded)))
    }

    fn converted(&self, value: Value, field: &FieldDescriptor) -> Datum {
        match value {
            Value::List(items) => {
                Datum::List(items.into_iter().map(|item| self.single(item, &field.kind())).collect())
            }
            Value::Map(entries) => {
                let Kind::Message(entry) = field.kind() else {
                    return Datum::Invalid(UNEXPECTED_VALUE);
                };
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
                    // Enums are open: the writer may use a number for which this schema has no name.
                    None => Datum::Int(i64::from(number)),
                }
            }
            Value::Message(message) => self.message(message),
            // Unreachable: Protobuf nests no list or map directly in another.
            Value::List(_) | Value::Map(_) => Datum::Invalid(UNEXPECTED_VALUE),
        }
    }
}

/// The key of a map entry as text.
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

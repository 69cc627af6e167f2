//! The schema of a writer, reduced to what decoding needs.
//!
//! Decoding needs neither valid names nor defaults, and the Avro specification has a reader ignore a logical type that is
//! invalid. apache-avro rejects the whole schema in these cases. So [`for_decoding`] removes from the JSON text what
//! decoding ignores, and [`accept_all_names`] turns off the library's check of names. The registered text stays unchanged.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/#logical-types>, and `Schema.applyAliases` and
//! `LogicalTypes.Decimal.validate` in Apache Avro for Java.

use std::sync::Once;

use apache_avro::validator::{
    EnumSymbolNameValidator, RecordFieldNameValidator, SchemaNameValidator, SchemaNamespaceValidator,
    set_enum_symbol_name_validator, set_record_field_name_validator, set_schema_name_validator,
    set_schema_namespace_validator,
};
use apache_avro::{AvroResult, Error as AvroError};
use serde_json::{Map, Value as Json};

/// The attributes that only a reader's schema uses. Invalid ones would make apache-avro reject the schema.
const READER_ATTRIBUTES: [&str; 4] = ["aliases", "default", "doc", "order"];

/// Turns off apache-avro's check of names, once for the process. The library requires this before its first schema.
pub(super) fn accept_all_names() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Each fails only if the library has already parsed a schema outside this module, as in some tests.
        let _ = set_schema_name_validator(Box::new(AnyName));
        let _ = set_schema_namespace_validator(Box::new(AnyName));
        let _ = set_enum_symbol_name_validator(Box::new(AnyName));
        let _ = set_record_field_name_validator(Box::new(AnyName));
    });
}

/// Accepts every name. The part behind the last dot is the name, and the rest is the namespace.
struct AnyName;

impl SchemaNameValidator for AnyName {
    fn validate(&self, name: &str) -> AvroResult<usize> {
        let start = name.rfind('.').map_or(0, |dot| dot + 1);
        if start == name.len() {
            return Err(AvroError::new(apache_avro::error::Details::InvalidSchemaName(
                name.to_owned(),
                ".+",
            )));
        }
        Ok(start)
    }
}

impl SchemaNamespaceValidator for AnyName {
    fn validate(&self, _: &str) -> AvroResult<()> {
        Ok(())
    }
}

impl EnumSymbolNameValidator for AnyName {
    fn validate(&self, _: &str) -> AvroResult<()> {
        Ok(())
    }
}

impl RecordFieldNameValidator for AnyName {
    fn validate(&self, _: &str) -> AvroResult<()> {
        Ok(())
    }
}

/// Returns the schema without the attributes of readers and without invalid logical types.
pub(super) fn for_decoding(schema: Json) -> Json {
    match schema {
        Json::Array(variants) => variants.into_iter().map(for_decoding).collect(),
        Json::Object(mut object) => {
            for attribute in READER_ATTRIBUTES {
                object.remove(attribute);
            }
            if object.contains_key("logicalType") && !has_valid_logical_type(&object) {
                object.remove("logicalType");
            }
            for part in ["type", "items", "values"] {
                if let Some(inner) = object.get_mut(part) {
                    *inner = for_decoding(inner.take());
                }
            }
            // A field has the same attributes of readers as a type, and its `type` is a schema.
            for field in object.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
                *field = for_decoding(field.take());
            }
            Json::Object(object)
        }
        other => other,
    }
}

/// True if the logical type is known and fits the type that it annotates.
fn has_valid_logical_type(schema: &Map<String, Json>) -> bool {
    let (base, size) = base_type(schema);
    match schema.get("logicalType").and_then(Json::as_str).unwrap_or_default() {
        "decimal" => {
            let number = |name: &str| schema.get(name).map(Json::as_u64);
            let (Some(Some(precision)), Some(scale)) =
                (number("precision"), number("scale").unwrap_or(Some(0)))
            else {
                return false;
            };
            let fits = match (base, size) {
                ("bytes", _) => true,
                ("fixed", Some(size)) => precision <= max_precision(size),
                _ => false,
            };
            fits && precision > 0 && scale <= precision
        }
        "big-decimal" => base == "bytes",
        "uuid" => base == "string" || (base, size) == ("fixed", Some(16)),
        "date" | "time-millis" => base == "int",
        "time-micros"
        | "timestamp-millis"
        | "timestamp-micros"
        | "timestamp-nanos"
        | "local-timestamp-millis"
        | "local-timestamp-micros"
        | "local-timestamp-nanos" => base == "long",
        "duration" => (base, size) == ("fixed", Some(12)),
        _ => false,
    }
}

/// The name of the type below a schema of the form `{"type": {"type": …}}`, and its size if it is a fixed.
fn base_type(schema: &Map<String, Json>) -> (&str, Option<u64>) {
    match schema.get("type") {
        Some(Json::String(name)) => (name, schema.get("size").and_then(Json::as_u64)),
        Some(Json::Object(inner)) => base_type(inner),
        _ => ("", None),
    }
}

/// The number of decimal digits that every two's complement number of `size` bytes can hold.
fn max_precision(size: u64) -> u64 {
    // A decimal's size is a few bytes, and the number of digits is positive.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let digits =
        (std::f64::consts::LOG10_2 * (size.saturating_mul(8).saturating_sub(1)) as f64).floor() as u64;
    digits
}

#[cfg(test)]
mod tests {
    use crate::ErrorKind;
    use crate::avro::{AvroSchema, decode};
    use crate::datum::{Datum, canonical_text};
    use crate::shape::Shape;

    fn schema(text: &str) -> AvroSchema {
        AvroSchema::parse(text).unwrap()
    }

    #[test]
    fn names_and_symbols_are_arbitrary() {
        let text = r#"{"type":"record","name":"Envelope","namespace":"shop-eu1.public.item","fields":[
            {"name":"amount-eur","type":"long"},
            {"name":"2nd","type":{"type":"enum","name":"1.2.größe","symbols":["A-1","B 2"]}},
            {"name":"next","type":["null","shop-eu1.public.item.Envelope"]}]}"#;
        let schema = schema(text);
        assert_eq!(schema.name(), Some("shop-eu1.public.item.Envelope"));
        let datum = decode(&schema, &[2, 2, 2, 4, 0, 0]).unwrap();
        assert_eq!(datum.get("amount-eur"), Some(&Datum::Int(1)));
        assert_eq!(datum.get("2nd"), Some(&Datum::Enum("B 2".into())));
        assert_eq!(datum.get("next").unwrap().get("amount-eur"), Some(&Datum::Int(2)));
        assert_eq!(schema.text(), text);
        let nameless = AvroSchema::parse(r#"{"type":"fixed","name":"a.","size":1}"#);
        assert_eq!(nameless.unwrap_err().kind(), ErrorKind::UnusableSchema);
    }

    #[test]
    fn defaults_aliases_and_orders_are_ignored() {
        let schema = schema(
            r#"{"type":"record","name":"R","aliases":["-"],"doc":1,"fields":[
                {"name":"s","type":"string","default":null,"order":"sideways"},
                {"name":"i","type":"int","default":0.5,"aliases":"a b"},
                {"name":"u","type":["null","long"],"default":7},
                {"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"Z"},"default":"Y"},
                {"name":"default","type":"long"}]}"#,
        );
        let datum = decode(&schema, &[2, b'x', 2, 0, 0, 10]).unwrap();
        let names: Vec<_> =
            ["s", "i", "u", "e", "default"].map(|name| datum.get(name).cloned().unwrap()).into();
        assert_eq!(names, ["x".into(), Datum::Int(1), Datum::Null, Datum::Enum("A".into()), Datum::Int(5)]);
    }

    #[test]
    fn invalid_logical_types_fall_back_to_their_base_type() {
        for (text, payload, expected) in [
            (
                r#"{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":12,"scale":2}"#,
                &[1, 2][..],
                Datum::Bytes(vec![1, 2]),
            ),
            (r#"{"type":"bytes","logicalType":"uuid"}"#, &[2, 7], Datum::Bytes(vec![7])),
            (r#"{"type":"bytes","logicalType":"decimal"}"#, &[2, 7], Datum::Bytes(vec![7])),
            (r#"{"type":"bytes","logicalType":"decimal","precision":"4"}"#, &[2, 7], Datum::Bytes(vec![7])),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#,
                &[2, 7],
                Datum::Bytes(vec![7]),
            ),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":0,"scale":-1}"#,
                &[2, 7],
                Datum::Bytes(vec![7]),
            ),
            (r#"{"type":"long","logicalType":"date"}"#, &[2], Datum::Int(1)),
            (r#"{"type":"int","logicalType":"timestamp-millis"}"#, &[2], Datum::Int(1)),
            (r#"{"type":"string","logicalType":"duration"}"#, &[2, b'x'], "x".into()),
            (r#"{"type":"long","logicalType":"my-own"}"#, &[2], Datum::Int(1)),
            (r#"{"type":"long","logicalType":3}"#, &[2], Datum::Int(1)),
            (
                r#"{"type":"fixed","name":"F","size":2,"logicalType":"uuid"}"#,
                &[1, 2],
                Datum::Bytes(vec![1, 2]),
            ),
        ] {
            let schema = schema(text);
            assert_eq!(decode(&schema, payload).unwrap(), expected, "{text}");
            assert!(!matches!(schema.shape(), Shape::Decimal { .. } | Shape::Uuid), "{text}");
        }
    }

    #[test]
    fn valid_logical_types_stay() {
        let decimal = |size: u64, precision: u64| {
            schema(&format!(
                r#"{{"type":{{"type":"fixed","name":"F","size":{size}}},
                    "logicalType":"decimal","precision":{precision},"scale":1}}"#
            ))
        };
        assert!(matches!(decimal(2, 4).shape(), Shape::Decimal { .. }));
        assert_eq!(decimal(2, 5).shape(), Shape::Bytes);
        assert!(matches!(decimal(16, 38).shape(), Shape::Decimal { .. }));
        assert_eq!(decimal(16, 39).shape(), Shape::Bytes);
        let datum = decode(&decimal(2, 4), &[1, 0]).unwrap();
        assert_eq!(canonical_text(&datum).as_deref(), Some(&b"25.6"[..]));
    }
}

//! Reads the output of Kafka Connect's JSON converter with `schemas.enable`: `{"schema": …, "payload": …}`.
//!
//! Source: `org.apache.kafka.connect.json.JsonSchema` and `JsonConverter` in Apache Kafka.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::convert::to_float32;
use crate::datum::{self, Datum, decimal};
use crate::semantic_type::SemanticType;
use crate::{Error, ErrorKind, Result};

/// Takes the payload out of `{schema, payload}` and gives its values the types of the schema. Any other value stays
/// unchanged.
///
/// # Errors
/// [`ErrorKind::Envelope`] if the payload contradicts the schema: bytes that are not base64, or a map that is not a list
/// of pairs.
pub fn apply_connect_schema(value: Datum) -> Result<Datum> {
    match value {
        Datum::Map(mut wrapper) if is_wrapper(&wrapper) => {
            let mut part = |name: &str| wrapper.remove(name).unwrap_or(Datum::Null);
            typed(&part("schema"), part("payload"))
        }
        value => Ok(value),
    }
}

/// Takes the payload out of `{schema, payload}` and gives its values the types of the schema.
///
/// # Errors
/// [`ErrorKind::Envelope`] if the value is not `{schema, payload}`, and the errors of [`apply_connect_schema`].
pub fn unwrap_connect(value: Datum) -> Result<Datum> {
    match &value {
        Datum::Map(wrapper) if is_wrapper(wrapper) => apply_connect_schema(value),
        _ => {
            let message = "the value is not `{schema, payload}` of Connect's JSON converter; check the pipeline's `unwrap`";
            Err(Error::new(ErrorKind::Envelope, message))
        }
    }
}

fn is_wrapper(value: &BTreeMap<String, Datum>) -> bool {
    value.len() == 2
        && matches!(value.get("schema"), Some(Datum::Map(_) | Datum::Null))
        && value.contains_key("payload")
}

/// Gives `value` the type of `schema`.
fn typed(schema: &Datum, value: Datum) -> Result<Datum> {
    let ty = text(schema, "type").unwrap_or_default();
    let value = match (ty, value) {
        ("struct", Datum::Map(mut fields)) => {
            if let Some(Datum::List(schemas)) = schema.get("fields") {
                for schema in schemas {
                    if let Some((name, value)) =
                        text(schema, "field").and_then(|name| fields.remove_entry(name))
                    {
                        fields.insert(name, typed(schema, value)?);
                    }
                }
            }
            Datum::Map(fields)
        }
        ("array", Datum::List(items)) => Datum::List(each(schema, "items", items)?),
        ("map", Datum::Map(entries)) => {
            let (names, values): (Vec<String>, Vec<Datum>) = entries.into_iter().unzip();
            Datum::Map(names.into_iter().zip(each(schema, "values", values)?).collect())
        }
        // A map whose keys are not strings is a list of pairs.
        ("map", Datum::List(pairs)) => entries(schema, pairs)?,
        ("double", Datum::Number(value)) => {
            decimal::nearest_double(&value).map_or(Datum::Number(value), Datum::Double)
        }
        ("float", Datum::Number(value)) => {
            decimal::float(&value).and_then(to_float32).map_or(Datum::Number(value), Datum::Float)
        }
        ("bytes", Datum::String(text)) => Datum::Bytes(
            STANDARD
                .decode(text)
                .map_err(|_| Error::new(ErrorKind::Envelope, "a field of type bytes is not base64"))?,
        ),
        (_, value) => value,
    };
    let scale = schema.get("parameters").and_then(|parameters| text(parameters, "scale"));
    let semantic = text(schema, "name").and_then(|name| SemanticType::from_name(name, scale));
    Ok(match (semantic, value) {
        // With `decimal.format=NUMERIC`, a decimal is a JSON number.
        (Some(SemanticType::Decimal(_)), Datum::Number(value)) => Datum::Decimal(value),
        (Some(SemanticType::Decimal(_)), Datum::Int(value)) => Datum::Decimal(value.into()),
        (Some(semantic), value) => semantic.apply(value),
        (None, value) => value,
    })
}

/// Gives each value the type in the member `part` of `schema`.
fn each(schema: &Datum, part: &str, values: Vec<Datum>) -> Result<Vec<Datum>> {
    match schema.get(part) {
        Some(schema) => values.into_iter().map(|value| typed(schema, value)).collect(),
        None => Ok(values),
    }
}

/// Reads a map from a list of pairs. A key becomes its canonical text.
fn entries(schema: &Datum, pairs: Vec<Datum>) -> Result<Datum> {
    let mut entries = BTreeMap::new();
    for pair in pairs {
        let Datum::List(pair) = pair else { return Err(invalid_map()) };
        let [key, value] = <[Datum; 2]>::try_from(pair).map_err(|_| invalid_map())?;
        let key = datum::canonical_text(&key)
            .and_then(|key| String::from_utf8(key.into_owned()).ok())
            .ok_or_else(invalid_map)?;
        let value = match schema.get("values") {
            Some(schema) => typed(schema, value)?,
            None => value,
        };
        entries.insert(key, value);
    }
    Ok(Datum::Map(entries))
}

fn invalid_map() -> Error {
    Error::new(ErrorKind::Envelope, "a map is not a list of pairs")
}

/// The text in the member `name`.
fn text<'a>(of: &'a Datum, name: &str) -> Option<&'a str> {
    match of.get(name) {
        Some(Datum::String(text)) => Some(text),
        _ => None,
    }
}

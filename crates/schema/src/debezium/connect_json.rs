//! What Kafka Connect's JSON converter writes with `schemas.enable`: `{"schema": …, "payload": …}`.
//!
//! Source: Kafka's `JsonSchema` and `JsonConverter`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::connect::Semantic;
use crate::datum::{Datum, decimal};
use crate::{Error, Kind, Result};

/// The payload, its values as the schema says; any other value stays as it is.
///
/// Fails with [`Kind::Envelope`] when bytes are not base64.
pub fn unwrap(value: Datum) -> Result<Datum> {
    match value {
        Datum::Map(mut wrapper)
            if wrapper.len() == 2
                && matches!(wrapper.get("schema"), Some(Datum::Map(_) | Datum::Null))
                && wrapper.contains_key("payload") =>
        {
            let mut part = |name: &str| wrapper.remove(name).unwrap_or(Datum::Null);
            typed(&part("schema"), part("payload"))
        }
        value => Ok(value),
    }
}

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
        // Keys that are no strings: a list of pairs.
        ("map", Datum::List(pairs)) => entries(schema, pairs)?,
        ("double", Datum::Number(value)) => {
            decimal::nearest(&value).map_or(Datum::Number(value), Datum::Double)
        }
        ("float", Datum::Number(value)) => {
            decimal::float(&value).and_then(crate::convert::narrow).map_or(Datum::Number(value), Datum::Float)
        }
        ("bytes", Datum::String(text)) => Datum::Bytes(
            STANDARD
                .decode(text)
                .map_err(|_| Error::new(Kind::Envelope, "a field of bytes is not base64"))?,
        ),
        (_, value) => value,
    };
    let scale = schema.get("parameters").and_then(|parameters| text(parameters, "scale"));
    let semantic = text(schema, "name").and_then(|name| Semantic::read(name, scale));
    Ok(match (semantic, value) {
        // `decimal.format` may be NUMERIC.
        (Some(Semantic::Decimal(_)), Datum::Number(value)) => Datum::Decimal(value),
        (Some(Semantic::Decimal(_)), Datum::Int(value)) => Datum::Decimal(value.into()),
        (Some(semantic), value) => semantic.apply(value),
        (None, value) => value,
    })
}

fn each(schema: &Datum, part: &str, values: Vec<Datum>) -> Result<Vec<Datum>> {
    match schema.get(part) {
        Some(schema) => values.into_iter().map(|value| typed(schema, value)).collect(),
        None => Ok(values),
    }
}

fn entries(schema: &Datum, pairs: Vec<Datum>) -> Result<Datum> {
    let mut entries = BTreeMap::new();
    for pair in pairs {
        let Datum::List(pair) = pair else { return Err(no_map()) };
        let [key, value] = <[Datum; 2]>::try_from(pair).map_err(|_| no_map())?;
        let key =
            key.canonical().and_then(|key| String::from_utf8(key.into_owned()).ok()).ok_or_else(no_map)?;
        let value = match schema.get("values") {
            Some(schema) => typed(schema, value)?,
            None => value,
        };
        entries.insert(key, value);
    }
    Ok(Datum::Map(entries))
}

fn no_map() -> Error {
    Error::new(Kind::Envelope, "a map is not a list of pairs")
}

fn text<'a>(of: &'a Datum, name: &str) -> Option<&'a str> {
    match of.get(name) {
        Some(Datum::String(text)) => Some(text),
        _ => None,
    }
}

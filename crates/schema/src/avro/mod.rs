//! Avro: parsed schemas, and everything that belongs to this language.
//!
//! [`AvroSchema`] is a parsed schema. [`decode`] turns a payload into a [`Datum`](crate::Datum): `bounds` checks it,
//! apache-avro reads it, and the schema's `Converter` gives the values their meaning. `definition` writes the schema of a
//! published record, and `encode` its values. The registry client and the [`Decoder`](crate::Decoder) call this
//! module.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/>.

mod bare_bytes;
mod bounds;
mod converter;
mod converter_builder;
mod decode;
mod definition;
mod encode;
mod expansion;
mod writer_schema;

use std::fmt;
use std::sync::Arc;

use apache_avro::Schema as Avro;
use apache_avro::schema::ResolvedSchema;

use crate::shape::Shape;
use crate::{Error, ErrorKind, Result};
use converter::Converter;
use expansion::Obstacle;

pub use bare_bytes::BareBytes;
pub(crate) use bare_bytes::{is_bare_bytes, with_length};
pub use decode::decode;
pub(crate) use decode::decode_within;
pub(crate) use definition::schema_text;
pub use encode::encode;
pub(crate) use encode::record_value;

/// A parsed Avro schema with the text from which it was parsed.
///
/// Named types that occur more than once are expanded in place, so that no name is resolved per record. A recursive
/// schema cannot be expanded and keeps its references.
#[derive(Debug, Clone)]
pub struct AvroSchema {
    text: Arc<str>,
    avro: Arc<Avro>,
    /// The schemas of the names that remain, dependencies first. Empty unless the schema is recursive.
    definitions: Arc<[Avro]>,
    /// The conversion of this schema's values to datums.
    converter: Arc<Converter>,
}

impl AvroSchema {
    /// Parses a schema without references.
    ///
    /// Names may contain any characters, and defaults need not fit. An invalid logical type falls back to its base type.
    ///
    /// # Errors
    /// [`ErrorKind::UnusableSchema`] if the text is not an Avro schema, or is nested too deep or too large.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &[])
    }

    /// Parses a schema together with the schemas to which it refers, dependencies first.
    pub(crate) fn parse_with(text: &str, references: &[String]) -> Result<Self> {
        // A parser's message may quote the schema, but never a record.
        let texts = references.iter().map(String::as_str).chain([text]);
        let texts: Vec<serde_json::Value> =
            texts.map(|text| serde_json::from_str(text).map_err(unusable)).collect::<Result<_>>()?;
        writer_schema::accept_all_names();
        let reduced: Vec<String> =
            texts.iter().map(|text| writer_schema::for_decoding(text.clone()).to_string()).collect();
        let (avro, mut definitions) = match reduced.split_last() {
            None | Some((_, [])) => (Avro::parse_str(&reduced.concat()).map_err(unusable)?, Vec::new()),
            Some((own, references)) => Avro::parse_str_with_list(own, references).map_err(unusable)?,
        };
        let expanded = {
            let schemata = definitions.iter().chain([&avro]).collect();
            let resolved = ResolvedSchema::new_with_schemata(schemata).map_err(unusable)?;
            match expansion::expand(&avro, resolved.get_names()) {
                Ok(expanded) => Some(expanded),
                Err(Obstacle::Recursive) => None,
                Err(Obstacle::TooLarge) => return Err(unusable("it is nested too deep, or too large")),
                Err(Obstacle::Invalid(error)) => return Err(unusable(error)),
            }
        };
        let avro = match expanded {
            Some(expanded) => {
                definitions.clear();
                expanded
            }
            None => {
                definitions.push(avro.clone());
                avro
            }
        };
        let converter = {
            let resolved =
                ResolvedSchema::new_with_schemata(definitions.iter().collect()).map_err(unusable)?;
            converter_builder::build(&avro, resolved.get_names(), &texts)
        };
        Ok(Self {
            text: text.into(),
            avro: Arc::new(avro),
            definitions: definitions.into(),
            converter: Arc::new(converter),
        })
    }

    /// The JSON text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parsed schema, without references unless it is recursive.
    ///
    /// Use it only for inspection: it defines a repeated name more than once, which apache-avro rejects.
    /// [`decode_avro`](crate::decode_avro) and [`encode_avro`](crate::encode_avro) handle that.
    pub fn avro(&self) -> &Avro {
        &self.avro
    }

    /// The full name of a record, enum or fixed; `None` for an unnamed type.
    pub fn name(&self) -> Option<&str> {
        self.avro.name().map(AsRef::as_ref)
    }

    /// The shape of this schema's values.
    pub fn shape(&self) -> Shape {
        self.converter.shape()
    }

    /// The conversion of this schema's values to datums.
    pub(crate) fn converter(&self) -> &Converter {
        &self.converter
    }

    /// The definitions of the names that remain in a recursive schema.
    pub(crate) fn resolved(&self) -> Result<ResolvedSchema<'_>> {
        ResolvedSchema::new_with_schemata(self.definitions.iter().collect()).map_err(unusable)
    }
}

fn unusable(why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::UnusableSchema, format!("the Avro schema cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_name_is_expanded() {
        let schema = AvroSchema::parse(
            r#"{"type":"record","name":"a.Pair","fields":[
                {"name":"x","type":{"type":"fixed","name":"F","size":2}},
                {"name":"y","type":["null","F"]}]}"#,
        )
        .unwrap();
        assert!(schema.definitions.is_empty());
        assert!(!format!("{:?}", schema.avro()).contains("Ref"));
        assert_eq!(schema.name(), Some("a.Pair"));
    }

    #[test]
    fn recursive_schema_keeps_its_reference() {
        let text = r#"{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}"#;
        let schema = AvroSchema::parse(text).unwrap();
        assert_eq!(schema.resolved().unwrap().get_names().len(), 1);
    }

    #[test]
    fn references_to_other_schemas_are_expanded() {
        let references = [
            r#"{"type":"fixed","name":"geo.Unit","size":1}"#,
            r#"{"type":"record","name":"geo.Point","fields":[{"name":"x","type":"geo.Unit"}]}"#,
        ]
        .map(str::to_owned);
        let text = r#"{"type":"record","name":"Line","fields":[
            {"name":"a","type":"geo.Point"},{"name":"b","type":["null","geo.Point"]}]}"#;
        let schema = AvroSchema::parse_with(text, &references).unwrap();
        assert!(!format!("{:?}", schema.avro()).contains("Ref"));
        assert_eq!(schema.text(), text);
        assert_eq!(AvroSchema::parse(text).unwrap_err().kind(), ErrorKind::UnusableSchema);
        let list = r#"{"type":"record","name":"List","fields":[
            {"name":"at","type":"geo.Point"},{"name":"next","type":["null","List"]}]}"#;
        let schema = AvroSchema::parse_with(list, &references).unwrap();
        assert_eq!(schema.resolved().unwrap().get_names().len(), 3);
    }

    #[test]
    fn exponentially_large_schema_is_rejected() {
        let mut text = r#"{"type":"record","name":"R0","fields":[{"name":"a","type":"long"}]}"#.to_owned();
        for level in 1..40 {
            text = format!(
                r#"{{"type":"record","name":"R{level}","fields":[
                    {{"name":"a","type":{text}}},{{"name":"b","type":"R{}"}}]}}"#,
                level - 1
            );
        }
        assert_eq!(AvroSchema::parse(&text).unwrap_err().kind(), ErrorKind::UnusableSchema);
    }
}

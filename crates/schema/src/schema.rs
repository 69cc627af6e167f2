use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use apache_avro::Schema as Avro;
use apache_avro::schema::{Name, RecordField, ResolvedSchema, UnionSchema};

use crate::datum::Datum;
use crate::decode::{self, Limits};
use crate::layout::Layout;
use crate::shape::Shape;
use crate::{Error, Kind, Result};

/// Nodes of a schema with its references expanded; more are no table's schema, but an attack.
const MAX_NODES: usize = 20_000;
/// Levels of it.
pub(crate) const MAX_DEPTH: usize = 64;

/// A parsed Avro schema, with the text that it was parsed from.
///
/// Named types that occur twice are expanded in place, so that nothing has to be resolved per
/// record. A recursive schema cannot be expanded and keeps its references.
#[derive(Debug, Clone)]
pub struct Schema {
    text: Arc<str>,
    avro: Arc<Avro>,
    /// What names stand for, dependencies first: only for a recursive schema.
    definitions: Arc<[Avro]>,
    /// What its values become.
    layout: Arc<Layout>,
}

impl Schema {
    /// Parses a schema that is complete in itself.
    ///
    /// Fails with [`Kind::UnusableSchema`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &[])
    }

    /// Parses a schema together with those that it refers to, dependencies first.
    pub(crate) fn parse_with(text: &str, references: &[String]) -> Result<Self> {
        // The parser's own message may quote the schema, but never a record.
        let (avro, mut definitions) = match references {
            [] => (Avro::parse_str(text).map_err(unusable)?, Vec::new()),
            _ => Avro::parse_str_with_list(text, references).map_err(unusable)?,
        };
        let expanded = {
            let schemata = definitions.iter().chain([&avro]).collect();
            let resolved = ResolvedSchema::new_with_schemata(schemata).map_err(unusable)?;
            let mut expansion = Expansion { names: resolved.get_names(), open: Vec::new(), nodes: 0 };
            match expansion.schema(&avro, 0) {
                Ok(expanded) => Some(expanded),
                Err(Stop::Recursive) => None,
                Err(Stop::TooLarge) => return Err(unusable("it is nested too deep, or too large")),
                Err(Stop::Invalid(error)) => return Err(unusable(error)),
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
        let layout = {
            // The parser has read them: what this one does not read lacks semantic types only.
            let texts: Vec<serde_json::Value> = references
                .iter()
                .map(String::as_str)
                .chain([text])
                .map(|text| serde_json::from_str(text).unwrap_or_default())
                .collect();
            let resolved =
                ResolvedSchema::new_with_schemata(definitions.iter().collect()).map_err(unusable)?;
            Layout::new(&avro, resolved.get_names(), &texts)
        };
        Ok(Self {
            text: text.into(),
            avro: Arc::new(avro),
            definitions: definitions.into(),
            layout: Arc::new(layout),
        })
    }

    /// The JSON text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parsed schema, without references unless it is recursive.
    ///
    /// To look at, not to hand to apache-avro: a name that is used twice is defined twice in it.
    /// [`crate::Decoder`] and [`crate::encode::encode`] know how.
    pub fn avro(&self) -> &Avro {
        &self.avro
    }

    /// The full name of a record, enum or fixed.
    pub fn name(&self) -> Option<&str> {
        self.avro.name().map(AsRef::as_ref)
    }

    /// What it says of its values.
    pub fn shape(&self) -> Shape {
        self.layout.shape()
    }

    /// Decodes exactly one datum of it, without a frame, within the default limits.
    ///
    /// Fails with [`Kind::Payload`] or [`Kind::TooLarge`].
    pub fn decode(&self, payload: &[u8]) -> Result<Datum> {
        decode::avro::decode(self, payload, Limits::default())
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The definitions of names that are left, which is none unless the schema is recursive.
    pub(crate) fn resolved(&self) -> Result<ResolvedSchema<'_>> {
        ResolvedSchema::new_with_schemata(self.definitions.iter().collect()).map_err(unusable)
    }
}

fn unusable(why: impl fmt::Display) -> Error {
    Error::new(Kind::UnusableSchema, format!("the Avro schema cannot be used: {why}"))
}

enum Stop {
    Recursive,
    TooLarge,
    Invalid(String),
}

struct Expansion<'a> {
    names: &'a HashMap<Name, &'a Avro>,
    /// Names that are being expanded.
    open: Vec<Name>,
    nodes: usize,
}

impl Expansion<'_> {
    fn schema(&mut self, schema: &Avro, depth: usize) -> std::result::Result<Avro, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(Stop::TooLarge);
        }
        Ok(match schema {
            Avro::Ref { name } => {
                let definition =
                    *self.names.get(name).ok_or_else(|| Stop::Invalid(format!("{name} is not defined")))?;
                self.schema(definition, depth)?
            }
            Avro::Record(record) => {
                if self.open.contains(&record.name) {
                    return Err(Stop::Recursive);
                }
                self.open.push(record.name.clone());
                let mut expanded = record.clone();
                for (field, given) in expanded.fields.iter_mut().zip(&record.fields) {
                    *field = RecordField { schema: self.schema(&given.schema, depth + 1)?, ..field.clone() };
                }
                self.open.pop();
                Avro::Record(expanded)
            }
            Avro::Array(array) => {
                let mut expanded = array.clone();
                *expanded.items = self.schema(&array.items, depth + 1)?;
                Avro::Array(expanded)
            }
            Avro::Map(map) => {
                let mut expanded = map.clone();
                *expanded.types = self.schema(&map.types, depth + 1)?;
                Avro::Map(expanded)
            }
            Avro::Union(union) => {
                let variants = union
                    .variants()
                    .iter()
                    .map(|variant| self.schema(variant, depth + 1))
                    .collect::<std::result::Result<Vec<_>, _>>()?;
                Avro::Union(UnionSchema::new(variants).map_err(|error| Stop::Invalid(error.to_string()))?)
            }
            other => other.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_used_twice_is_expanded() {
        let schema = Schema::parse(
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
    fn a_recursive_schema_keeps_its_reference() {
        let text = r#"{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}"#;
        let schema = Schema::parse(text).unwrap();
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
        let schema = Schema::parse_with(text, &references).unwrap();
        assert!(!format!("{:?}", schema.avro()).contains("Ref"));
        assert_eq!(schema.text(), text);
        assert_eq!(Schema::parse(text).unwrap_err().kind(), Kind::UnusableSchema);
        let list = r#"{"type":"record","name":"List","fields":[
            {"name":"at","type":"geo.Point"},{"name":"next","type":["null","List"]}]}"#;
        let schema = Schema::parse_with(list, &references).unwrap();
        assert_eq!(schema.resolved().unwrap().get_names().len(), 3);
    }

    #[test]
    fn a_schema_that_doubles_at_each_level_is_refused() {
        let mut text = r#"{"type":"record","name":"R0","fields":[{"name":"a","type":"long"}]}"#.to_owned();
        for level in 1..40 {
            text = format!(
                r#"{{"type":"record","name":"R{level}","fields":[
                    {{"name":"a","type":{text}}},{{"name":"b","type":"R{}"}}]}}"#,
                level - 1
            );
        }
        assert_eq!(Schema::parse(&text).unwrap_err().kind(), Kind::UnusableSchema);
    }
}

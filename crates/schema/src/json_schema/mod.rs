//! JSON Schema: what validates payloads, and what it says of them.

mod shape;

use std::collections::HashMap;
use std::fmt;

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value as Json;

use crate::registry::Reference;
use crate::shape::Shape;
use crate::{Error, Kind, Result};

/// Under which relative references are resolved.
const BASE: &str = "json-schema:///";

/// A parsed JSON Schema with those that it refers to. Nothing is ever fetched to resolve a reference.
pub struct JsonSchema {
    text: String,
    validator: Validator,
    shape: Shape,
}

impl JsonSchema {
    /// Parses a schema together with those that it refers to, each by the name in its `$ref`.
    ///
    /// Fails with [`Kind::UnusableSchema`].
    pub(crate) fn parse(text: &str, references: &[Reference]) -> Result<Self> {
        let schema = parse(text)?;
        let mut documents = HashMap::new();
        for reference in references {
            documents.insert(reference.name.clone(), parse(&reference.text)?);
        }
        let shape = shape::of(&schema, &documents);
        let validator = jsonschema::options()
            .with_retriever(Documents(documents))
            .with_base_uri(BASE)
            .build(&schema)
            // The schema's own words, never a record's.
            .map_err(|error| unusable(&error.to_string()))?;
        Ok(Self { text: text.to_owned(), validator, shape })
    }

    /// The text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says of its values.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Fails with [`Kind::Payload`] unless the value is one of the schema, naming the rule that it breaks.
    pub(crate) fn validate(&self, value: &Json) -> Result<()> {
        self.validator.validate(value).map_err(|error| {
            // Not the place in the record, whose keys are data too.
            let rule = error.schema_path();
            Error::new(Kind::Payload, format!("the value breaks its schema's rule {rule}"))
        })
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSchema").field("text", &self.text).finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<Json> {
    serde_json::from_str(text).map_err(|error| unusable(&format!("it is not JSON: {error}")))
}

fn unusable(why: &str) -> Error {
    Error::new(Kind::UnusableSchema, format!("the JSON schema cannot be used: {why}"))
}

/// The registry's references, by name.
struct Documents(HashMap<String, Json>);

impl Retrieve for Documents {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> std::result::Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        match find(&self.0, uri.as_str()) {
            Some(document) => Ok(document.clone()),
            None => Err(format!("{} is not among the schema's references", uri.as_str()).into()),
        }
    }
}

/// By the whole URI, by what follows the base, or by its last part: `$id` may have moved the base.
fn find<'a>(documents: &'a HashMap<String, Json>, uri: &str) -> Option<&'a Json> {
    let name = uri.strip_prefix(BASE).unwrap_or(uri);
    documents.get(name).or_else(|| documents.get(uri.rsplit('/').next()?))
}

#[cfg(test)]
mod tests;

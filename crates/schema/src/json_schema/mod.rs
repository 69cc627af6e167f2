//! JSON Schema: parsed schemas, and everything that belongs to this language.
//!
//! [`JsonSchema`] validates payloads and knows their [`Shape`]. The payload itself is JSON, which `json` decodes and
//! encodes. `definition` writes the schema of a published record. The registry client and the
//! [`Decoder`](crate::Decoder) call this module. It never fetches a reference from the network or from a file.
//!
//! Source: <https://json-schema.org/specification>, with the drafts that the crate `jsonschema` supports.

mod decode;
mod definition;
mod shape;

use std::collections::HashMap;
use std::fmt;

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value as Json;

use crate::reference::SchemaReference;
use crate::shape::Shape;
use crate::{Error, ErrorKind, Result};

pub(crate) use decode::decode;
pub(crate) use definition::schema_text;

/// The URI against which relative references are resolved.
const BASE_URI: &str = "json-schema:///";

/// A parsed JSON schema together with the schemas to which it refers.
pub struct JsonSchema {
    text: String,
    validator: Validator,
    shape: Shape,
}

impl JsonSchema {
    /// Parses a schema together with the schemas to which it refers, each by the name in its `$ref`.
    ///
    /// # Errors
    /// [`ErrorKind::UnusableSchema`]
    pub(crate) fn parse(text: &str, references: &[SchemaReference]) -> Result<Self> {
        let schema = parse(text)?;
        let mut documents = HashMap::new();
        for reference in references {
            documents.insert(reference.name.clone(), parse(&reference.text)?);
        }
        let shape = shape::of(&schema, &documents);
        let validator = jsonschema::options()
            .with_retriever(Documents(documents))
            .with_base_uri(BASE_URI)
            .build(&schema)
            // The message may quote the schema, but never a record.
            .map_err(|error| unusable(&error.to_string()))?;
        Ok(Self { text: text.to_owned(), validator, shape })
    }

    /// The text, as registered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The shape of this schema's values.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Validates a value.
    ///
    /// # Errors
    /// [`ErrorKind::Payload`] with the path of the violated rule in the schema.
    pub(crate) fn validate(&self, value: &Json) -> Result<()> {
        self.validator.validate(value).map_err(|error| {
            // Without the path in the record, because its keys are data too.
            let rule = error.schema_path();
            Error::new(ErrorKind::Payload, format!("the value violates the rule {rule} of its schema"))
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
    Error::new(ErrorKind::UnusableSchema, format!("the JSON schema cannot be used: {why}"))
}

/// The referenced schemas, by name.
struct Documents(HashMap<String, Json>);

impl Retrieve for Documents {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> std::result::Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        match find(&self.0, uri.as_str()) {
            Some(document) => Ok(document.clone()),
            None => {
                Err(format!("{} is not among the schema's references in the registry", uri.as_str()).into())
            }
        }
    }
}

/// Finds a document by its whole URI, by the part after [`BASE_URI`], or by the last segment of its path, because `$id`
/// may have changed the base.
fn find<'a>(documents: &'a HashMap<String, Json>, uri: &str) -> Option<&'a Json> {
    let name = uri.strip_prefix(BASE_URI).unwrap_or(uri);
    documents.get(name).or_else(|| documents.get(uri.rsplit('/').next()?))
}

#[cfg(test)]
mod tests;

//! The text of a schema with its references, before it is parsed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::avro::AvroSchema;
use crate::json_schema::JsonSchema;
use crate::protobuf::ProtobufSchema;
use crate::reference::SchemaReference;
use crate::registry_schema::RegistrySchema;
use crate::{Error, ErrorKind, Result};

/// The text of a schema with everything that is needed to parse it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SchemaText {
    schema: String,
    /// The registry's word for the language.
    language: String,
    /// The schemas to which it refers, each after its own references.
    references: Vec<ReferenceText>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ReferenceText {
    name: String,
    schema: String,
}

impl SchemaText {
    /// A schema. The registry names no language for Avro.
    pub(super) fn new(schema: String, language: Option<String>, references: Vec<SchemaReference>) -> Self {
        let references =
            references.into_iter().map(|SchemaReference { name, text }| ReferenceText { name, schema: text });
        let language = language.unwrap_or_else(|| "AVRO".to_owned());
        Self { schema, language, references: references.collect() }
    }

    /// Parses the schema.
    ///
    /// # Errors
    /// [`ErrorKind::UnusableSchema`]; the message begins with `what`.
    pub(super) fn parse(&self, what: &str) -> Result<RegistrySchema> {
        let text = &self.schema;
        let parsed = match self.language.as_str() {
            "AVRO" => {
                // The same schema may be referred to by two names, but its own names may be defined only once.
                let mut texts: Vec<String> = Vec::with_capacity(self.references.len());
                for reference in &self.references {
                    if !texts.contains(&reference.schema) {
                        texts.push(reference.schema.clone());
                    }
                }
                AvroSchema::parse_with(text, &texts).map(|schema| RegistrySchema::Avro(Arc::new(schema)))
            }
            "JSON" => JsonSchema::parse(text, &self.references())
                .map(|schema| RegistrySchema::Json(Arc::new(schema))),
            "PROTOBUF" => ProtobufSchema::parse(text, &self.references())
                .map(|schema| RegistrySchema::Protobuf(Arc::new(schema))),
            other => {
                let language: String = other.chars().take(20).collect();
                let message = format!("the schema language {language:?} is not supported");
                Err(Error::new(ErrorKind::UnusableSchema, message))
            }
        };
        parsed.map_err(|error| Error::new(error.kind(), format!("{what}: {error}")))
    }

    fn references(&self) -> Vec<SchemaReference> {
        let references = self.references.iter();
        references
            .map(|reference| SchemaReference { name: reference.name.clone(), text: reference.schema.clone() })
            .collect()
    }
}

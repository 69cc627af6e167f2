//! A schema of the registry in any language.

use std::sync::Arc;

use crate::avro::AvroSchema;
use crate::json_schema::JsonSchema;
use crate::protobuf::{MessageType, ProtobufSchema};
use crate::shape::Shape;

/// A schema of the registry.
#[derive(Debug, Clone)]
pub enum RegistrySchema {
    /// An Avro schema.
    Avro(Arc<AvroSchema>),
    /// A JSON schema.
    Json(Arc<JsonSchema>),
    /// A Protobuf file, which may define several messages.
    Protobuf(Arc<ProtobufSchema>),
    /// One message type of a Protobuf file.
    Message(MessageType),
}

impl RegistrySchema {
    /// The text, as registered.
    pub fn text(&self) -> &str {
        match self {
            Self::Avro(schema) => schema.text(),
            Self::Json(schema) => schema.text(),
            Self::Protobuf(schema) => schema.text(),
            Self::Message(message) => message.text(),
        }
    }

    /// The shape of the schema's values; for a Protobuf file, that of its first message.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Avro(schema) => schema.shape(),
            Self::Json(schema) => schema.shape().clone(),
            Self::Protobuf(schema) => {
                schema.message(&[0]).map_or(Shape::Any, |message| message.shape().clone())
            }
            Self::Message(message) => message.shape().clone(),
        }
    }

    /// The full name of the message type. `None` unless this is [`RegistrySchema::Message`].
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Message(message) => Some(message.name()),
            _ => None,
        }
    }

    /// The name of the schema language, for messages.
    pub fn language(&self) -> &'static str {
        match self {
            Self::Avro(_) => "Avro",
            Self::Json(_) => "JSON Schema",
            Self::Protobuf(_) | Self::Message(_) => "Protobuf",
        }
    }
}

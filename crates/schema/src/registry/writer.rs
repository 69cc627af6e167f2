use std::sync::Arc;

use crate::Schema;
use crate::json_schema::JsonSchema;
use crate::protobuf::{Message, Protobuf};
use crate::shape::Shape;

/// A schema of the registry, in whichever language.
#[derive(Debug, Clone)]
pub enum WriterSchema {
    Avro(Arc<Schema>),
    Json(Arc<JsonSchema>),
    /// A file, which may hold several messages.
    Protobuf(Arc<Protobuf>),
    /// One message of a file.
    Message(Message),
}

impl WriterSchema {
    /// The text, as registered.
    pub fn text(&self) -> &str {
        match self {
            Self::Avro(schema) => schema.text(),
            Self::Json(schema) => schema.text(),
            Self::Protobuf(schema) => schema.text(),
            Self::Message(message) => message.text(),
        }
    }

    /// What it says of its values; of a file, of its first message.
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

    /// The message's full name, where one schema has several kinds of values.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Message(message) => Some(message.name()),
            _ => None,
        }
    }

    /// The schema language, as the registry names it.
    pub fn language(&self) -> &'static str {
        match self {
            Self::Avro(_) => "Avro",
            Self::Json(_) => "JSON Schema",
            Self::Protobuf(_) | Self::Message(_) => "Protobuf",
        }
    }
}

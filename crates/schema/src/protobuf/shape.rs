//! The shape of a message type.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::{fields, well_known};
use crate::shape::{FieldShape, MAX_NODES, RecordShape, Shape};

/// The shape of messages of this type. Where a type contains itself, the shape is [`Shape::Any`].
pub(super) fn of(message: &MessageDescriptor) -> Shape {
    Reader { open: Vec::new(), nodes: 0 }.message(message)
}

struct Reader {
    /// The full names of the message types that contain the current one.
    open: Vec<String>,
    nodes: usize,
}

impl Reader {
    fn message(&mut self, message: &MessageDescriptor) -> Shape {
        let name = message.full_name();
        if let Some(shape) = well_known::shape(name) {
            return shape;
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES || self.open.iter().any(|open| open == name) {
            return Shape::Any;
        }
        self.open.push(name.to_owned());
        let fields = fields(message).map(|field| {
            let shape = self.field(&field);
            let shape = if field.supports_presence() { shape.nullable() } else { shape };
            FieldShape { name: field.name().to_owned(), shape }
        });
        let fields = fields.collect();
        self.open.pop();
        Shape::Record(RecordShape { name: Some(name.to_owned()), fields, open: false })
    }

    fn field(&mut self, field: &FieldDescriptor) -> Shape {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            return Shape::Map(Box::new(self.kind(&entry.map_entry_value_field().kind())));
        }
        let shape = self.kind(&field.kind());
        if field.is_list() { Shape::List(Box::new(shape)) } else { shape }
    }

    fn kind(&mut self, kind: &Kind) -> Shape {
        self.nodes += 1;
        match kind {
            Kind::Double => Shape::Double,
            Kind::Float => Shape::Float,
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Shape::Int(32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Shape::Int(64),
            Kind::Uint32 | Kind::Fixed32 => Shape::UInt(32),
            Kind::Uint64 | Kind::Fixed64 => Shape::UInt(64),
            Kind::Bool => Shape::Bool,
            Kind::String => Shape::String,
            Kind::Bytes => Shape::Bytes,
            Kind::Message(message) => self.message(message),
            // A number without a name is decoded as an integer.
            Kind::Enum(symbols) => Shape::union([
                Shape::Enum(symbols.values().map(|value| value.name().to_owned()).collect()),
                Shape::Int(32),
            ]),
        }
    }
}

//! What records that are there already ask of a new schema.

use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::{Node, Presence, Record};
use crate::registry::WriterSchema;
use crate::shape::{RecordShape, Shape};

impl Record {
    /// This record as the successor of that schema's: a value that earlier records may lack is optional, and in
    /// Protobuf a field keeps its number for good.
    pub fn succeeding(&self, before: &WriterSchema) -> Self {
        match before {
            WriterSchema::Avro(schema) => self.after_shape(&schema.shape()),
            WriterSchema::Json(schema) => self.after_shape(schema.shape()),
            WriterSchema::Protobuf(file) => match file.message(&[0]) {
                Some(message) => self.after_message(message.descriptor()),
                None => self.clone(),
            },
            WriterSchema::Message(message) => self.after_message(message.descriptor()),
        }
    }

    fn after_shape(&self, shape: &Shape) -> Self {
        let Some(before) = record(shape) else { return self.clone() };
        let mut next = self.clone();
        for field in &mut next.fields {
            let known = before.fields.iter().find(|known| known.name == field.name);
            if let (Node::Record(inner), Some(known)) = (&field.node, known) {
                field.node = Node::Record(Arc::new(inner.after_shape(&known.shape)));
            }
            if field.is_required() && known.is_none_or(|known| is_nullable(&known.shape)) {
                field.presence = Presence::Optional;
            }
        }
        next
    }

    fn after_message(&self, before: &MessageDescriptor) -> Self {
        let mut next = self.clone();
        let gone =
            before.fields().filter(|known| !self.fields.iter().any(|field| field.name == known.name()));
        next.reserved = gone.map(|known| known.number()).collect();
        next.reserved.extend(before.reserved_ranges().flatten());
        next.reserved.sort_unstable();
        next.reserved.dedup();
        let highest = before.fields().map(|known| known.number()).chain(next.reserved.iter().copied()).max();
        let mut free = highest.unwrap_or(0);
        for field in &mut next.fields {
            let known = before.get_field_by_name(&field.name);
            field.number = match &known {
                Some(known) => known.number(),
                None => {
                    free += 1;
                    free
                }
            };
            if let (Node::Record(inner), Some(Kind::Message(message))) =
                (&field.node, known.as_ref().map(FieldDescriptor::kind))
            {
                field.node = Node::Record(Arc::new(inner.after_message(&message)));
            }
            let marked = |known: &FieldDescriptor| known.field_descriptor_proto().proto3_optional();
            if field.is_required() && known.as_ref().is_none_or(marked) {
                field.presence = Presence::Optional;
            }
        }
        next
    }
}

fn record(shape: &Shape) -> Option<&RecordShape> {
    match shape {
        Shape::Record(record) => Some(record),
        Shape::Union(members) => members.iter().find_map(record),
        _ => None,
    }
}

fn is_nullable(shape: &Shape) -> bool {
    match shape {
        Shape::Null | Shape::Any => true,
        Shape::Union(members) => members.iter().any(is_nullable),
        _ => false,
    }
}

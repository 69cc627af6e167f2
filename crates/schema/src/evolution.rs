//! Adapts the definition of a record to the schema that its subject already has.
//!
//! A new version must be readable by consumers of earlier records. So a field that earlier records may lack becomes
//! optional, and in Protobuf a field keeps its number and the numbers of removed fields stay reserved. Publish calls
//! this module before it registers a schema; whether the subject accepts the schema is the registry's decision.

use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::definition::{FieldKind, Presence, RecordDefinition};
use crate::registry_schema::RegistrySchema;
use crate::shape::{RecordShape, Shape};

/// The definition `record`, adapted to follow the schema `previous`.
#[must_use]
pub fn evolve(record: &RecordDefinition, previous: &RegistrySchema) -> RecordDefinition {
    match previous {
        RegistrySchema::Avro(schema) => follow_shape(record, &schema.shape()),
        RegistrySchema::Json(schema) => follow_shape(record, schema.shape()),
        RegistrySchema::Protobuf(file) => match file.message(&[0]) {
            Some(message) => follow_message(record, message.descriptor()),
            None => record.clone(),
        },
        RegistrySchema::Message(message) => follow_message(record, message.descriptor()),
    }
}

fn follow_shape(record: &RecordDefinition, previous: &Shape) -> RecordDefinition {
    let Some(previous) = record_shape(previous) else { return record.clone() };
    let mut fields = record.fields().to_vec();
    for field in &mut fields {
        let known = previous.fields.iter().find(|known| known.name == field.name);
        if let (FieldKind::Record(nested), Some(known)) = (&field.kind, known) {
            field.kind = FieldKind::Record(Arc::new(follow_shape(nested, &known.shape)));
        }
        if field.is_required() && known.is_none_or(|known| is_nullable(&known.shape)) {
            field.presence = Presence::Optional;
        }
    }
    record.with_fields(fields, record.reserved().to_vec())
}

fn follow_message(record: &RecordDefinition, previous: &MessageDescriptor) -> RecordDefinition {
    let removed =
        previous.fields().filter(|known| !record.fields().iter().any(|field| field.name == known.name()));
    let mut reserved: Vec<u32> = removed.map(|known| known.number()).collect();
    reserved.extend(previous.reserved_ranges().flatten());
    reserved.sort_unstable();
    reserved.dedup();
    let highest = previous.fields().map(|known| known.number()).chain(reserved.iter().copied()).max();
    let mut last_number = highest.unwrap_or(0);
    let mut fields = record.fields().to_vec();
    for field in &mut fields {
        let known = previous.get_field_by_name(&field.name);
        field.number = match &known {
            Some(known) => known.number(),
            None => {
                last_number += 1;
                last_number
            }
        };
        if let (FieldKind::Record(nested), Some(Kind::Message(message))) =
            (&field.kind, known.as_ref().map(FieldDescriptor::kind))
        {
            field.kind = FieldKind::Record(Arc::new(follow_message(nested, &message)));
        }
        let is_optional = |known: &FieldDescriptor| known.field_descriptor_proto().proto3_optional();
        if field.is_required() && known.as_ref().is_none_or(is_optional) {
            field.presence = Presence::Optional;
        }
    }
    record.with_fields(fields, reserved)
}

/// The record in a shape, also within a union.
fn record_shape(shape: &Shape) -> Option<&RecordShape> {
    match shape {
        Shape::Record(record) => Some(record),
        Shape::Union(members) => members.iter().find_map(record_shape),
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

#[cfg(test)]
mod tests;

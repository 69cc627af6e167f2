//! The definition of a record and of its fields.

use std::sync::Arc;

use spanbridge_protocol::value::Type;

use super::{TypeMapping, name};

/// The definition of a record: a full name and fields in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordDefinition {
    full_name: String,
    /// The version of the schema in Kafka Connect.
    version: Option<u32>,
    fields: Vec<FieldDefinition>,
    /// The Protobuf numbers of removed fields.
    reserved: Vec<u32>,
}

/// The definition of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldDefinition {
    pub(crate) name: String,
    pub(crate) kind: FieldKind,
    pub(crate) presence: Presence,
    /// The Protobuf number. A field keeps its number in every version of the schema.
    pub(crate) number: u32,
}

/// The presence of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The value is never null.
    Required,
    /// The value may be null. Null is the default.
    Optional,
    /// The value may be null. This text is the default.
    Defaulted(&'static str),
}

/// The kind of value that a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A column value of this Spanner type.
    Value(Type, TypeMapping),
    /// A 32-bit integer.
    Int32,
    /// One of the values of Debezium's `source.snapshot`.
    Snapshot,
    /// A list of strings that are not null.
    Names,
    /// A nested record.
    Record(Arc<RecordDefinition>),
    /// A list of nested records.
    Records(Arc<RecordDefinition>),
}

impl RecordDefinition {
    /// A record whose fields are numbered in their order. Characters that are invalid in a name become `_`.
    pub(crate) fn new(full_name: &str, version: Option<u32>, mut fields: Vec<FieldDefinition>) -> Self {
        for (field, number) in fields.iter_mut().zip(1..) {
            field.number = number;
        }
        Self { full_name: name::full_name(full_name), version, fields, reserved: Vec::new() }
    }

    /// The same record with other fields, whose numbers stay as they are.
    pub(crate) fn with_fields(&self, fields: Vec<FieldDefinition>, reserved: Vec<u32>) -> Self {
        Self { full_name: self.full_name.clone(), version: self.version, fields, reserved }
    }

    /// The name with its namespace.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The namespace, if there is one, and the name.
    pub(crate) fn namespace_and_name(&self) -> (Option<&str>, &str) {
        match self.full_name.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, &self.full_name),
        }
    }

    /// The version of the schema in Kafka Connect.
    pub(crate) fn version(&self) -> Option<u32> {
        self.version
    }

    /// The fields in their order.
    pub(crate) fn fields(&self) -> &[FieldDefinition] {
        &self.fields
    }

    /// The Protobuf numbers of removed fields, in ascending order.
    pub(crate) fn reserved(&self) -> &[u32] {
        &self.reserved
    }

    /// The names of the fields that are never null, of this record or, with `nested`, of the record in that field.
    pub fn required_fields(&self, nested: Option<&str>) -> Vec<&str> {
        let Some(nested) = nested else {
            return self
                .fields
                .iter()
                .filter(|field| field.is_required())
                .map(|field| &*field.name)
                .collect();
        };
        match self.fields.iter().find(|field| field.name == nested).map(|field| &field.kind) {
            Some(FieldKind::Record(record)) => record.required_fields(None),
            _ => Vec::new(),
        }
    }
}

impl FieldDefinition {
    /// A field that is never null.
    pub(crate) fn required(name: impl Into<String>, kind: FieldKind) -> Self {
        Self { name: name.into(), kind, presence: Presence::Required, number: 0 }
    }

    /// A field that may be null.
    pub(crate) fn optional(name: impl Into<String>, kind: FieldKind) -> Self {
        Self { name: name.into(), kind, presence: Presence::Optional, number: 0 }
    }

    /// A field that may be null and has a default.
    pub(crate) fn defaulted(name: impl Into<String>, kind: FieldKind, default: &'static str) -> Self {
        Self { name: name.into(), kind, presence: Presence::Defaulted(default), number: 0 }
    }

    /// True if the field is never null.
    pub(crate) fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }
}

impl FieldKind {
    /// A value of a type that is the same in every [`TypeMapping`].
    pub(crate) fn plain(ty: Type) -> Self {
        Self::Value(ty, TypeMapping::Debezium)
    }
}

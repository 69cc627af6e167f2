//! Schemas of what is published, in no format's words; [`avro`], [`json_schema`] and [`protobuf`] write
//! them down in each.

pub(crate) mod avro;
pub(crate) mod json_schema;
mod precedent;
pub(crate) mod protobuf;

use std::sync::Arc;

use spanbridge_protocol::value::Type;

use crate::name;

/// How values of Spanner are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// Each type as itself, as far as the format has it.
    Native(Timestamps),
    /// As Debezium's Spanner connector: NUMERIC, DATE, TIMESTAMP and JSON are text.
    Debezium,
}

/// How Avro has a TIMESTAMP. Only text holds each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Timestamps {
    /// RFC 3339, as Debezium's `ZonedTimestamp`.
    #[default]
    Text,
    /// The logical type `timestamp-micros`: no nanoseconds.
    Micros,
    /// The logical type `timestamp-nanos`: years 1677 to 2262.
    Nanos,
}

/// A record of named fields. Fields keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    full_name: String,
    /// Kafka Connect's version of a schema.
    version: Option<u32>,
    fields: Vec<Field>,
    /// Numbers in Protobuf of fields that are gone.
    reserved: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) node: Node,
    pub(crate) presence: Presence,
    /// Protobuf's: it stays a field's for as long as there are records.
    pub(crate) number: u32,
}

/// Whether a field may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Null by default.
    Optional,
    /// Optional with another default.
    Defaulted(&'static str),
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A value of that Spanner type.
    Value(Type, Style),
    Int32,
    /// One of Debezium's words for snapshots.
    Snapshot,
    /// A list of texts without null.
    Names,
    Record(Arc<Record>),
    Records(Arc<Record>),
}

impl Record {
    /// The fields are numbered in their order; parts of the name become valid.
    pub(crate) fn new(full_name: &str, version: Option<u32>, mut fields: Vec<Field>) -> Self {
        for (field, number) in fields.iter_mut().zip(1..) {
            field.number = number;
        }
        Self { full_name: name::full(full_name), version, fields, reserved: Vec::new() }
    }

    /// With its namespace.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// Namespace and name.
    pub(crate) fn names(&self) -> (Option<&str>, &str) {
        match self.full_name.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, &self.full_name),
        }
    }

    pub(crate) fn version(&self) -> Option<u32> {
        self.version
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn reserved(&self) -> &[u32] {
        &self.reserved
    }

    /// The names of the fields that are never null; with `part`, of the record in that field.
    pub fn required(&self, part: Option<&str>) -> Vec<&str> {
        let Some(part) = part else {
            return self
                .fields
                .iter()
                .filter(|field| field.is_required())
                .map(|field| &*field.name)
                .collect();
        };
        match self.fields.iter().find(|field| field.name == part).map(|field| &field.node) {
            Some(Node::Record(record)) => record.required(None),
            _ => Vec::new(),
        }
    }
}

impl Field {
    pub(crate) fn required(name: impl Into<String>, node: Node) -> Self {
        Self { name: name.into(), node, presence: Presence::Required, number: 0 }
    }

    pub(crate) fn optional(name: impl Into<String>, node: Node) -> Self {
        Self { name: name.into(), node, presence: Presence::Optional, number: 0 }
    }

    pub(crate) fn defaulted(name: impl Into<String>, node: Node, default: &'static str) -> Self {
        Self { name: name.into(), node, presence: Presence::Defaulted(default), number: 0 }
    }

    pub(crate) fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }
}

/// A type whose values are the same in each style.
pub(crate) fn plain(ty: Type) -> Node {
    Node::Value(ty, Style::Debezium)
}

#[cfg(test)]
mod tests;

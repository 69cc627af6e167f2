//! Avro schemas as JSON text, with the properties that Confluent's `AvroData` writes.
//!
//! apache-avro's schemas cannot hold properties of a primitive type, so the text is written here,
//! always in the same order: a registry may compare texts.

use serde::Serialize;

/// A type.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Node {
    /// A primitive type, or a named one defined before.
    Name(String),
    Annotated(Annotated),
    Array(Array),
    Union(Vec<Node>),
    Record(Record),
}

/// A primitive type that stands for a named Connect type.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Annotated {
    #[serde(rename = "type")]
    pub(crate) primitive: &'static str,
    #[serde(rename = "connect.version")]
    pub(crate) version: u32,
    #[serde(rename = "connect.parameters", skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<Allowed>,
    #[serde(rename = "connect.default", skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<&'static str>,
    #[serde(rename = "connect.name")]
    pub(crate) name: &'static str,
}

/// The parameters of Debezium's enum.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Allowed {
    pub(crate) allowed: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Array {
    #[serde(rename = "type")]
    array: &'static str,
    items: Box<Node>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    #[serde(rename = "type")]
    record: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    fields: Vec<Field>,
    #[serde(rename = "connect.version", skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(rename = "connect.name")]
    full_name: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Field {
    name: String,
    #[serde(rename = "type")]
    node: Node,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<serde_json::Value>,
}

impl Node {
    pub(crate) fn primitive(name: &str) -> Self {
        Self::Name(name.to_owned())
    }

    pub(crate) fn array(items: Node) -> Self {
        Self::Array(Array { array: "array", items: Box::new(items) })
    }

    /// What Connect calls optional: null first.
    pub(crate) fn optional(self) -> Self {
        Self::Union(vec![Self::primitive("null"), self])
    }
}

impl Record {
    /// `full_name` is valid already.
    pub(crate) fn new(full_name: String, version: Option<u32>, fields: Vec<Field>) -> Self {
        let (namespace, name) = match full_name.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, full_name.clone()),
        };
        Self { record: "record", name, namespace, fields, version, full_name }
    }

    pub(crate) fn full_name(&self) -> &str {
        &self.full_name
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists are always JSON")
    }
}

impl Field {
    pub(crate) fn required(name: impl Into<String>, node: Node) -> Self {
        Self { name: name.into(), node, default: None }
    }

    /// Optional, null by default.
    pub(crate) fn optional(name: impl Into<String>, node: Node) -> Self {
        Self { name: name.into(), node: node.optional(), default: Some(serde_json::Value::Null) }
    }

    /// Optional with another default: its type comes first, as Avro wants.
    pub(crate) fn defaulted(name: impl Into<String>, node: Node, default: &str) -> Self {
        let node = Node::Union(vec![node, Node::primitive("null")]);
        Self { name: name.into(), node, default: Some(default.into()) }
    }
}

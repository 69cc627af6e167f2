//! A schema reference with its text.

/// A schema that another schema refers to (Confluent's schema reference).
#[derive(Debug, Clone)]
pub(crate) struct SchemaReference {
    /// The name by which the other schema refers to it: a full name in Avro, a `$ref` in JSON Schema, an `import`
    /// in Protobuf.
    pub(crate) name: String,
    /// The text, as registered.
    pub(crate) text: String,
}

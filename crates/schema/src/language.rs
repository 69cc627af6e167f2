//! The schema languages of the registry.

/// A schema language, Confluent's `schemaType`.
///
/// Source: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Apache Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
}

impl Language {
    /// The value of `schemaType` in the registry's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }
}

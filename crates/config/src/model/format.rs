//! How keys and values are encoded in Kafka.

use super::decoding::Subject;
use crate::error::Kind;
use crate::read::Entry;

/// How a record's key or value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Confluent's wire format with an Avro schema of the registry.
    Avro,
    /// JSON without a schema.
    Json,
    /// Confluent's wire format with a JSON schema of the registry.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema of the registry.
    Protobuf,
    /// UTF-8.
    String,
    /// Eight bytes, big endian, as Kafka's LongSerializer writes them.
    Int64,
    /// As it is.
    Bytes,
    /// Not decoded, and not to be used by an expression.
    None,
}

impl Format {
    pub(super) const WORDS: [(&str, Self); 8] = [
        ("avro", Self::Avro),
        ("json", Self::Json),
        ("json-schema", Self::JsonSchema),
        ("protobuf", Self::Protobuf),
        ("string", Self::String),
        ("int64", Self::Int64),
        ("bytes", Self::Bytes),
        ("none", Self::None),
    ];

    /// As the configuration has it.
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }

    /// Whether its schemas are the registry's.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Avro | Self::JsonSchema | Self::Protobuf)
    }

    /// Whether it has fields.
    pub fn is_structured(self) -> bool {
        self.has_schema() || self == Self::Json
    }
}

/// How a published record's key or value is encoded, with a schema derived from the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishFormat {
    /// Confluent's wire format with an Avro schema: the default.
    #[default]
    Avro,
    /// JSON without a schema.
    Json,
    /// Confluent's wire format with a JSON schema.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema.
    Protobuf,
}

impl PublishFormat {
    const WORDS: [(&str, Self); 4] = [
        ("avro", Self::Avro),
        ("json", Self::Json),
        ("json-schema", Self::JsonSchema),
        ("protobuf", Self::Protobuf),
    ];

    /// The format with what the subject of its schemas is named after.
    pub(crate) fn read(entry: &Entry<'_>) -> Option<(Self, Subject)> {
        let section = entry.section()?;
        let later = ["string", "int64", "bytes", "none"];
        let format = section.required("format").and_then(|entry| entry.choice(&Self::WORDS, &later));
        let subject = section.optional("subject");
        if let Some(subject) = subject.as_ref().filter(|_| format == Some(Self::Json)) {
            let message = "`subject` is the name of a schema, and `format = \"json\"` has none";
            let mistake = entry.reader().mistake(Kind::Conflict, subject.key_span(), message);
            entry.reader().report(mistake.help("remove `subject`, or use json-schema"));
        }
        let subject = subject.and_then(|entry| entry.choice(&Subject::WORDS, &[]));
        section.finish();
        Some((format?, subject.unwrap_or_default()))
    }
}

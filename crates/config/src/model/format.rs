//! The encodings of keys and values in Kafka.

use super::subject::SubjectStrategy;
use crate::error::ErrorKind;
use crate::read::Entry;

/// The encoding of a consumed key or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Confluent's wire format with an Avro schema from the registry.
    Avro,
    /// JSON without a schema.
    Json,
    /// Confluent's wire format with a JSON schema from the registry.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema from the registry.
    Protobuf,
    /// UTF-8 text.
    String,
    /// Eight bytes, big endian, as Kafka's `LongSerializer` writes them.
    Int64,
    /// The bytes as they are.
    Bytes,
    /// Not decoded. Expressions cannot use it.
    None,
}

impl Format {
    /// The words of the configuration.
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

    /// Returns the word of the configuration.
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, format)| *format == self).map_or("", |(word, _)| word)
    }

    /// Returns whether the registry has schemas for this encoding.
    pub fn has_schema(self) -> bool {
        matches!(self, Self::Avro | Self::JsonSchema | Self::Protobuf)
    }

    /// Returns whether values of this encoding have fields.
    pub fn is_structured(self) -> bool {
        self.has_schema() || self == Self::Json
    }
}

/// The encoding of a published key or value. Its schema follows from the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishFormat {
    /// Confluent's wire format with an Avro schema. The default.
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
    /// The words of the configuration.
    const WORDS: [(&str, Self); 4] = [
        ("avro", Self::Avro),
        ("json", Self::Json),
        ("json-schema", Self::JsonSchema),
        ("protobuf", Self::Protobuf),
    ];

    /// Reads the encoding and the strategy that names the subject of its schema.
    pub(crate) fn read(entry: &Entry<'_>) -> Option<(Self, SubjectStrategy)> {
        let section = entry.section()?;
        let later = ["string", "int64", "bytes", "none"];
        let format = section.required("format").and_then(|entry| entry.choice(&Self::WORDS, &later));
        let subject = section.optional("subject");
        if let Some(subject) = subject.as_ref().filter(|_| format == Some(Self::Json)) {
            let message = "`subject` is the name of a schema, and `format = \"json\"` has none";
            let mistake = entry.reader().mistake(ErrorKind::Conflict, subject.key_span(), message);
            entry.reader().report(mistake.help("remove `subject`, or use json-schema"));
        }
        let subject = subject.and_then(|entry| entry.choice(&SubjectStrategy::WORDS, &[]));
        section.finish();
        Some((format?, subject.unwrap_or_default()))
    }
}

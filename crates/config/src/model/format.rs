//! How keys and values are encoded in Kafka.

use crate::read::Entry;

/// How a record's key is decoded; only when an expression uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyFormat {
    /// UTF-8.
    String,
    /// Confluent's wire format with a schema of the registry.
    Avro,
    /// Eight bytes, big endian, as Kafka's LongSerializer writes them.
    Int64,
    /// As it is.
    Bytes,
    /// Not decoded, and not to be used: the default.
    #[default]
    None,
}

/// How a record's value is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueFormat {
    /// Confluent's wire format with a schema of the registry: the default.
    #[default]
    Avro,
}

/// How a published record's key or value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishFormat {
    /// Confluent's wire format with a schema derived from the table: the default.
    #[default]
    Avro,
}

/// Under which subject a published schema is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// `<topic>-key` and `<topic>-value`, Confluent's TopicNameStrategy: the default.
    #[default]
    TopicName,
}

/// What the contract names and this version does not decode.
const LATER: [&str; 3] = ["json", "json-schema", "protobuf"];

impl KeyFormat {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let formats = [
            ("string", Self::String),
            ("avro", Self::Avro),
            ("int64", Self::Int64),
            ("bytes", Self::Bytes),
            ("none", Self::None),
        ];
        let format = section.required("format").and_then(|entry| entry.choice(&formats, &LATER));
        section.finish();
        format
    }
}

impl ValueFormat {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let later = [&LATER[..], &["string", "int64", "bytes", "none"]].concat();
        let format =
            section.required("format").and_then(|entry| entry.choice(&[("avro", Self::Avro)], &later));
        section.finish();
        format
    }
}

impl PublishFormat {
    /// The format with the subject; a subject is read for values only.
    pub(crate) fn read(entry: &Entry<'_>, with_subject: bool) -> Option<(Self, Subject)> {
        let section = entry.section()?;
        let later = [&LATER[..], &["string", "int64", "bytes", "none"]].concat();
        let format =
            section.required("format").and_then(|entry| entry.choice(&[("avro", Self::Avro)], &later));
        let subject = with_subject.then(|| section.optional("subject")).flatten().and_then(|entry| {
            entry.choice(&[("topic-name", Subject::TopicName)], &["record-name", "topic-record-name"])
        });
        section.finish();
        Some((format?, subject.unwrap_or_default()))
    }
}

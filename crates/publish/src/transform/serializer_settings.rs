//! The format of keys or values, and the names of their subjects.

use spanbridge_config::{PublishFormat, SubjectStrategy};
use spanbridge_schema::{Encoding, RecordDefinition};

/// The format of keys or of values, and the strategy that names the subjects of their schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SerializerSettings {
    pub(crate) encoding: Encoding,
    strategy: SubjectStrategy,
    /// `key` or `value`: the suffix of subjects that are named after topics.
    suffix: &'static str,
}

impl SerializerSettings {
    pub(crate) fn key(format: PublishFormat, strategy: SubjectStrategy) -> Self {
        Self { encoding: encoding(format), strategy, suffix: "key" }
    }

    pub(crate) fn value(format: PublishFormat, strategy: SubjectStrategy) -> Self {
        Self { encoding: encoding(format), strategy, suffix: "value" }
    }

    /// True unless the format is plain JSON, which has no schema.
    pub(crate) fn has_schema(self) -> bool {
        self.encoding != Encoding::Json
    }

    /// The subject of the record's schema in the topic. The record's name is the same in each format: the name of the
    /// Avro record, of the Protobuf message, and the title of the JSON schema.
    pub(crate) fn subject(self, topic: &str, record: &RecordDefinition) -> String {
        match self.strategy {
            SubjectStrategy::TopicName => format!("{topic}-{}", self.suffix),
            SubjectStrategy::RecordName => record.full_name().to_owned(),
            SubjectStrategy::TopicRecordName => format!("{topic}-{}", record.full_name()),
        }
    }
}

fn encoding(format: PublishFormat) -> Encoding {
    match format {
        PublishFormat::Avro => Encoding::Avro,
        PublishFormat::Json => Encoding::Json,
        PublishFormat::JsonSchema => Encoding::JsonSchema,
        PublishFormat::Protobuf => Encoding::Protobuf,
    }
}

use spanbridge_config::{PublishFormat, Subject};
use spanbridge_schema::{Encoding, Record};

/// How keys, or values, are written, and under which subjects their schemas stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SerializerSettings {
    pub(super) encoding: Encoding,
    named_after: Subject,
    /// Which of the two, in subjects named after topics.
    part: &'static str,
}

impl SerializerSettings {
    pub(crate) fn key(format: PublishFormat, named_after: Subject) -> Self {
        Self { encoding: encoding(format), named_after, part: "key" }
    }

    pub(crate) fn value(format: PublishFormat, named_after: Subject) -> Self {
        Self { encoding: encoding(format), named_after, part: "value" }
    }

    /// True unless it is plain JSON.
    pub(crate) fn has_schema(self) -> bool {
        self.encoding != Encoding::Json
    }

    /// The subject of that record's schema in that topic. The record's name is the same in each format: an Avro record's,
    /// a message's, a JSON schema's title.
    pub(crate) fn subject(self, topic: &str, record: &Record) -> String {
        match self.named_after {
            Subject::TopicName => format!("{topic}-{}", self.part),
            Subject::RecordName => record.full_name().to_owned(),
            Subject::TopicRecordName => format!("{topic}-{}", record.full_name()),
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

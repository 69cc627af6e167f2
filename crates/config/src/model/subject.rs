//! Schema registry subjects.

/// The strategy that names the subject of a schema:
/// <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#subject-name-strategy>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubjectStrategy {
    /// `<topic>-key` and `<topic>-value`: Confluent's `TopicNameStrategy`. The default.
    #[default]
    TopicName,
    /// The full name of the record: Confluent's `RecordNameStrategy`.
    RecordName,
    /// `<topic>-<full name of the record>`: Confluent's `TopicRecordNameStrategy`.
    TopicRecordName,
}

impl SubjectStrategy {
    /// The words of the configuration.
    pub(super) const WORDS: [(&str, Self); 3] = [
        ("topic-name", Self::TopicName),
        ("record-name", Self::RecordName),
        ("topic-record-name", Self::TopicRecordName),
    ];
}

//! `key = { … }` and `value = { … }` of an ingest pipeline

use super::format::Format;
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Keys, Located, Span};

/// How a record's key or value is decoded; only when an expression uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoding {
    /// Default: none for keys, avro for values.
    pub format: Format,
    /// Under which subject `check` looks for the schemas; decoding goes by the id in the payload. Default: topic-name.
    pub subject: Subject,
    /// The full name of the record, which subjects other than [`Subject::TopicName`] are named after; None with
    /// that one.
    pub record: Option<Located<str>>,
    /// What is taken out of a value before expressions see it. Always [`Unwrap::None`] for keys. Default: none.
    pub unwrap: Unwrap,
    /// Where it stands; the pipeline's header when it is left to the default.
    pub span: Span,
    /// Where its keys stand.
    pub keys: Keys,
}

/// Under which subject a schema is registered:
/// <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#subject-name-strategy>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// `<topic>-key` and `<topic>-value`, Confluent's TopicNameStrategy: the default.
    #[default]
    TopicName,
    /// The record's full name, Confluent's RecordNameStrategy.
    RecordName,
    /// `<topic>-<record's full name>`, Confluent's TopicRecordNameStrategy.
    TopicRecordName,
}

impl Subject {
    pub(super) const WORDS: [(&str, Self); 3] = [
        ("topic-name", Self::TopicName),
        ("record-name", Self::RecordName),
        ("topic-record-name", Self::TopicRecordName),
    ];
}

/// What is taken out of a value before expressions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unwrap {
    /// Nothing.
    #[default]
    None,
    /// The row of Debezium's envelope; its operation says whether the row is written or deleted.
    Debezium,
}

impl Decoding {
    /// The default of a pipeline whose header is at `span`.
    pub(crate) fn absent(format: Format, span: Span) -> Self {
        let keys = Keys::new(span, Vec::new());
        Self { format, subject: Subject::default(), record: None, unwrap: Unwrap::default(), span, keys }
    }

    /// Reads one; only a value has `unwrap`.
    pub(crate) fn read(entry: &Entry<'_>, is_value: bool) -> Option<Self> {
        let section = entry.section()?;
        let format = section.required("format").and_then(|entry| entry.choice(&Format::WORDS, &[]));
        let (subject, record) = subject(&section, format);
        let unwrap = is_value.then(|| section.optional("unwrap")).flatten();
        let unwrap = unwrap.and_then(|entry| {
            let unwrap = entry.choice(&[("none", Unwrap::None), ("debezium", Unwrap::Debezium)], &[])?;
            if unwrap == Unwrap::Debezium && format.is_some_and(|format| !format.is_structured()) {
                let message = "`unwrap` needs a format with fields";
                entry.wrong(Kind::Conflict, message, "one of: avro, json, json-schema, protobuf");
            }
            Some(unwrap)
        });
        let keys = section.finish();
        let (subject, unwrap) = (subject.unwrap_or_default(), unwrap.unwrap_or_default());
        Some(Self { format: format?, subject, record, unwrap, span: entry.span(), keys })
    }
}

/// The strategy and what it needs. A mistake is reported, and left out.
fn subject(section: &Section<'_>, format: Option<Format>) -> (Option<Subject>, Option<Located<str>>) {
    let (subject, record) = (section.optional("subject"), section.optional("record"));
    if let Some(format) = format.filter(|format| !format.has_schema()) {
        for entry in subject.iter().chain(&record) {
            let message = format!("`{}` has no meaning with the format {}", entry.key(), format.name());
            let mistake = section.reader().mistake(Kind::Conflict, entry.key_span(), message);
            section
                .reader()
                .report(mistake.help("remove it: only avro, json-schema and protobuf have schemas"));
        }
    }
    let strategy = subject.as_ref().and_then(|entry| entry.choice(&Subject::WORDS, &[]));
    let by_topic = strategy.unwrap_or_default() == Subject::TopicName;
    match &record {
        None if !by_topic => section.missing("record"),
        // A strategy that could not be read may be one that needs it.
        Some(record) if by_topic && subject.is_some() == strategy.is_some() => {
            let message = "`record` has no meaning with subjects named after topics";
            let mistake = section.reader().mistake(Kind::Conflict, record.key_span(), message);
            let help = "remove it, or write subject = \"record-name\" or \"topic-record-name\"";
            section.reader().report(mistake.help(help));
        }
        _ => {}
    }
    (strategy, record.and_then(|entry| entry.string(check::record)))
}

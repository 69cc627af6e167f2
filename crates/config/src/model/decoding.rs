//! `key = { … }` and `value = { … }` of an ingest pipeline

use super::format::Format;
use super::subject::SubjectStrategy;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{KeySpans, Located, Span};

/// `[ingest.key]` or `[ingest.value]`: how the key or the value of a record is decoded. It is decoded only if
/// an expression uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoding {
    /// `format`: the encoding in Kafka. Required if the section exists; without it `none` for keys and `avro`
    /// for values.
    pub format: Format,
    /// `subject`: the strategy by which `check` finds the schemas. Decoding uses the schema id in the payload
    /// instead. Default: `topic-name`.
    pub subject: SubjectStrategy,
    /// `record`: the full name of the record, from which the subject follows. Required for all strategies but
    /// [`SubjectStrategy::TopicName`], which excludes it.
    pub record: Option<Located<str>>,
    /// `unwrap`: what is extracted from a value before expressions see it. Always [`Unwrap::None`] for keys.
    /// Default: `none`.
    pub unwrap: Unwrap,
    /// The place of the section; that of the pipeline's header if the file does not have it.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// `unwrap`: the part of a value that expressions see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unwrap {
    /// The whole value. The default.
    #[default]
    None,
    /// The row of Debezium's envelope. The operation of the envelope decides whether the row is written or
    /// deleted.
    Debezium,
}

impl Decoding {
    /// Returns the defaults of a pipeline whose header is at `span`.
    pub(crate) fn absent(format: Format, span: Span) -> Self {
        let keys = KeySpans::new(span, Vec::new());
        Self {
            format,
            subject: SubjectStrategy::default(),
            record: None,
            unwrap: Unwrap::default(),
            span,
            keys,
        }
    }

    /// Reads the section. Only values have `unwrap`.
    pub(crate) fn read(entry: &Entry<'_>, is_value: bool) -> Option<Self> {
        let section = entry.section()?;
        let format = section.required("format").and_then(|entry| entry.choice(&Format::WORDS, &[]));
        let (subject, record) = read_subject(&section, format);
        let unwrap = is_value.then(|| section.optional("unwrap")).flatten();
        let unwrap = unwrap.and_then(|entry| {
            let unwrap = entry.choice(&[("none", Unwrap::None), ("debezium", Unwrap::Debezium)], &[])?;
            if unwrap == Unwrap::Debezium && format.is_some_and(|format| !format.is_structured()) {
                let message = "`unwrap` needs a format with fields";
                entry.report(ErrorKind::Conflict, message, "one of: avro, json, json-schema, protobuf");
            }
            Some(unwrap)
        });
        let keys = section.finish();
        let (subject, unwrap) = (subject.unwrap_or_default(), unwrap.unwrap_or_default());
        Some(Self { format: format?, subject, record, unwrap, span: entry.span(), keys })
    }
}

/// Reads the strategy and the record that it requires. A value with a mistake is `None`.
fn read_subject(
    section: &Section<'_>,
    format: Option<Format>,
) -> (Option<SubjectStrategy>, Option<Located<str>>) {
    let (subject, record) = (section.optional("subject"), section.optional("record"));
    if let Some(format) = format.filter(|format| !format.has_schema()) {
        for entry in subject.iter().chain(&record) {
            let message = format!("`{}` has no meaning with the format {}", entry.key(), format.name());
            let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
            section
                .reader()
                .report(mistake.help("remove it: only avro, json-schema and protobuf have schemas"));
        }
    }
    let strategy = subject.as_ref().and_then(|entry| entry.choice(&SubjectStrategy::WORDS, &[]));
    let by_topic = strategy.unwrap_or_default() == SubjectStrategy::TopicName;
    match &record {
        None if !by_topic => section.missing("record"),
        // A strategy with a mistake may be one that requires the record.
        Some(record) if by_topic && subject.is_some() == strategy.is_some() => {
            let message = "`record` has no meaning with subjects named after topics";
            let mistake = section.reader().mistake(ErrorKind::Conflict, record.key_span(), message);
            let help = "remove it, or write subject = \"record-name\" or \"topic-record-name\"";
            section.reader().report(mistake.help(help));
        }
        _ => {}
    }
    (strategy, record.and_then(|entry| entry.string(rules::record)))
}

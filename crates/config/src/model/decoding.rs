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
    /// `message`: the full name of the message that all records contain. Only with [`Format::Protobuf`], whose files may
    /// have several messages, and not with `record`. Default: none; then the payload of each record decides.
    pub message: Option<Located<str>>,
    /// `bare_bytes`: how producers write values of a whole schema of type bytes. Only with [`Format::Avro`]. Default: `raw`.
    pub bare_bytes: BareBytes,
    /// `unwrap`: what is extracted from a value before expressions see it. Always [`Unwrap::None`] for keys.
    /// Default: `none`.
    pub unwrap: Unwrap,
    /// The place of the section; that of the pipeline's header if the file does not have it.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// `bare_bytes`: how producers write values of a whole Avro schema of type bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareBytes {
    /// The bytes alone, as Confluent's serializers for Java and Python write them. The default.
    #[default]
    Raw,
    /// The length and then the bytes, as Avro encodes them.
    Prefixed,
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
    /// The payload in the `{schema, payload}` of Connect's JSON converter, with the types of the schema. Keys are extracted in
    /// the same way. Only with [`Format::Json`].
    Connect,
}

impl Decoding {
    /// Returns the defaults of a pipeline whose header is at `span`.
    pub(crate) fn absent(format: Format, span: Span) -> Self {
        let keys = KeySpans::new(span, Vec::new());
        Self {
            format,
            subject: SubjectStrategy::default(),
            record: None,
            message: None,
            bare_bytes: BareBytes::default(),
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
        let message = read_message(&section, format);
        let bare_bytes = read_bare_bytes(&section, format).unwrap_or_default();
        let unwrap = is_value.then(|| section.optional("unwrap")).flatten();
        let unwrap = unwrap.and_then(|entry| {
            let words =
                [("none", Unwrap::None), ("debezium", Unwrap::Debezium), ("connect", Unwrap::Connect)];
            let unwrap = entry.choice(&words, &[])?;
            if unwrap == Unwrap::Debezium && format.is_some_and(|format| !format.is_structured()) {
                let message = "`unwrap` needs a format with fields";
                entry.report(ErrorKind::Conflict, message, "one of: avro, json, json-schema, protobuf");
            }
            if unwrap == Unwrap::Connect && format.is_some_and(|format| format != Format::Json) {
                let message = "`unwrap = \"connect\"` needs the format json";
                let help = "Connect's other converters write no `{schema, payload}`: remove it";
                entry.report(ErrorKind::Conflict, message, help);
            }
            Some(unwrap)
        });
        let keys = section.finish();
        let (subject, unwrap) = (subject.unwrap_or_default(), unwrap.unwrap_or_default());
        Some(Self { format: format?, subject, record, message, bare_bytes, unwrap, span: entry.span(), keys })
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

/// Reads the name of the message. A value with a mistake is `None`.
fn read_message(section: &Section<'_>, format: Option<Format>) -> Option<Located<str>> {
    let entry = section.optional("message")?;
    let report = |message: String, help: &str| {
        let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(help));
    };
    if let Some(format) = format.filter(|format| *format != Format::Protobuf) {
        let message = format!("`message` has no meaning with the format {}", format.name());
        report(message, "remove it: only a Protobuf file has several messages");
    } else if section.optional("record").is_some() {
        report("`message` excludes `record`".to_owned(), "remove it: `record` names the message");
    }
    entry.string(rules::record)
}

/// Reads how bytes are written. A value with a mistake is `None`.
fn read_bare_bytes(section: &Section<'_>, format: Option<Format>) -> Option<BareBytes> {
    let entry = section.optional("bare_bytes")?;
    if let Some(format) = format.filter(|format| *format != Format::Avro) {
        let message = format!("`bare_bytes` has no meaning with the format {}", format.name());
        let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help("remove it: only avro has values with and without a length"));
    }
    entry.choice(&[("raw", BareBytes::Raw), ("prefixed", BareBytes::Prefixed)], &[])
}

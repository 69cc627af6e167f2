//! `[[ingest]]`: a pipeline from Kafka to Spanner.

use std::time::Duration;

use super::commit_limits::BatchLimits;
use super::dead_letters::DeadLetterPayload;
use super::decoding::Decoding;
use super::format::Format;
use super::ingest_table::IngestTable;
use super::topics::Topics;
use super::version::Version;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{KeySpans, Located, Span, Text};

/// `[[ingest]]`: a pipeline from Kafka to Spanner.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// `name`: the name, 1 to 64 of the characters `A-Za-z0-9._-`. Name and version are unique among the
    /// ingest pipelines. Required.
    pub name: Located<str>,
    /// `version`: the version, 1 to 999. Versions of one name have separate state and tables. Default: 1.
    pub version: Version,
    /// See [`Ingest::identity`].
    identity: String,
    /// `topics` or `topics_pattern`: the topics that the pipeline reads. One of the two is required.
    pub topics: Topics,
    /// `[ingest.key]`: how keys are decoded. Default: not at all.
    pub key: Decoding,
    /// `[ingest.value]`: how values are decoded. Default: format `avro`.
    pub value: Decoding,
    /// `mask_key`: the secret key of [`Mask::Hash`](crate::Mask::Hash), at least 16 bytes, by reference.
    /// Required if a column has that mask, and not allowed otherwise.
    pub mask_key: Option<Text>,
    /// `dead_letters`: how dead letters hold their records. Required in a pipeline with masks. Default: as they are.
    pub dead_letters: Option<DeadLetterPayload>,
    /// `[ingest.batch]`: the limits of one commit.
    pub batch: BatchLimits,
    /// `watermark.idle`: the time without records after which a partition no longer holds back the watermark,
    /// 1 s to 1 day. Default: 1 min.
    pub watermark_idle: Duration,
    /// `on_error`: what happens to a record that cannot be decoded, mapped or stored. Default: `dead-letter`.
    pub on_error: OnError,
    /// `on_gap`: what happens if the log no longer holds the position. Default: `stop`.
    pub on_gap: OnGap,
    /// `evolve`: what happens if a writer schema has new fields. Default: `stop`.
    pub evolve: Evolve,
    /// `exclude_from_change_streams`: whether the commits ask to be excluded from change streams. Streams
    /// with `allow_txn_exclusion` omit them. Default: false.
    pub exclude_from_change_streams: bool,
    /// `[[ingest.table]]`: the tables, which each commit writes together. Required; at least one.
    pub tables: Vec<IngestTable>,
    /// The place of the header.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// `on_error`: the handling of a record that cannot be decoded, mapped or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The record becomes a dead letter in the same commit. The default.
    #[default]
    DeadLetter,
    /// The partition stops.
    Stop,
}

/// `on_gap`: the reaction if the log no longer holds the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGap {
    /// The partition stops with an error that names the lost offsets. The default.
    #[default]
    Stop,
    /// The partition continues at the log start, and records the lost offsets in a table.
    Skip,
}

/// `evolve`: the reaction to a writer schema with new fields, before its first record is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evolve {
    /// The pipeline stops with an error that contains the DDL to run. The default.
    #[default]
    Stop,
    /// The pipeline adds the columns.
    AddColumns,
}

impl Ingest {
    /// Returns the name in stored state, in the consumer group and in metrics: `name`, or `name@version` for
    /// a version other than 1.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns the name of a table in the file. [`IngestTable::table`] is the table that the version writes.
    pub fn logical<'a>(&self, table: &'a IngestTable) -> &'a str {
        self.version.logical(table.table())
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let span = section.span();
        let name = section.required("name").and_then(|entry| entry.string(rules::pipeline_name));
        let version = section.optional("version").map(|entry| read_version(&entry, name.as_ref()));
        let version = version.unwrap_or(Some(Version::FIRST));
        let topics = Topics::read(&section);
        let decoding = |key, absent| match section.optional(key) {
            Some(entry) => Decoding::read(&entry, key == "value"),
            None => Some(Decoding::absent(absent, span)),
        };
        let (key, value) = (decoding("key", Format::None), decoding("value", Format::Avro));
        let mask_key = section.optional("mask_key").map(|entry| entry.secret(rules::mask_key));
        let dead_letters = section.optional("dead_letters").map(|entry| DeadLetterPayload::read(&entry));
        let batch = section.optional("batch").and_then(|entry| BatchLimits::read(&entry));
        let idle = section.optional("watermark").and_then(|entry| entry.section()).and_then(read_watermark);
        let on_error = section.optional("on_error").and_then(|entry| {
            entry.choice(&[("dead-letter", OnError::DeadLetter), ("stop", OnError::Stop)], &[])
        });
        let on_gap = section.optional("on_gap");
        let on_gap =
            on_gap.and_then(|entry| entry.choice(&[("stop", OnGap::Stop), ("skip", OnGap::Skip)], &[]));
        let evolve = section.optional("evolve").and_then(|entry| {
            entry.choice(&[("stop", Evolve::Stop), ("add-columns", Evolve::AddColumns)], &[])
        });
        let exclude = section.optional("exclude_from_change_streams").and_then(|entry| entry.boolean());
        let tables = match section.optional("table") {
            Some(entry) => read_tables(&entry, version.unwrap_or(Version::FIRST)),
            None => {
                let message = "an ingest pipeline needs at least one table";
                let mistake = section.reader().mistake(ErrorKind::MissingKey, section.span(), message);
                section.reader().report(mistake.help("add [[ingest.table]] below it"));
                None
            }
        };
        let keys = section.finish();
        let (name, version) = (name?, version?);
        Some(Self {
            identity: version.identity(&name),
            name,
            version,
            topics: topics?,
            key: key?,
            value: value?,
            mask_key: mask_key.map_or(Some(None), |key| key.map(Some))?,
            dead_letters: dead_letters.map_or(Some(None), |payload| payload.map(Some))?,
            batch: batch.unwrap_or_default(),
            watermark_idle: idle.unwrap_or(Duration::from_secs(60)),
            on_error: on_error.unwrap_or_default(),
            on_gap: on_gap.unwrap_or_default(),
            evolve: evolve.unwrap_or_default(),
            exclude_from_change_streams: exclude.unwrap_or(false),
            tables: tables?,
            span,
            keys,
        })
    }
}

/// Reads `watermark.idle`.
fn read_watermark(section: Section<'_>) -> Option<Duration> {
    let bounds = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
    let idle = section.required("idle").and_then(|entry| entry.duration(bounds));
    section.finish();
    idle
}

/// Reads the version, and checks that name and version fit into the bridge's tables together.
fn read_version(entry: &Entry<'_>, name: Option<&Located<str>>) -> Option<Version> {
    let bounds = Version::FIRST.number()..=Version::LAST.number();
    let version = Version::new(entry.integer(bounds)?)?;
    let identity = name.map_or(0, |name| version.identity(name).len());
    if identity > rules::MAX_PIPELINE_LENGTH {
        let message = format!("with its version, the pipeline's name has {identity} characters");
        let help = format!("`name@version` has at most {}: shorten the name", rules::MAX_PIPELINE_LENGTH);
        entry.report(ErrorKind::Value, message, help);
        return None;
    }
    Some(version)
}

/// Reads the tables.
fn read_tables(entry: &Entry<'_>, version: Version) -> Option<Vec<IngestTable>> {
    let elements = entry.elements()?;
    if elements.is_empty() {
        entry.report(
            ErrorKind::Value,
            "an ingest pipeline needs at least one table",
            "add [[ingest.table]] below it",
        );
        return None;
    }
    let tables: Vec<_> = elements.iter().map(|entry| IngestTable::read(entry, version)).collect();
    tables.into_iter().collect()
}

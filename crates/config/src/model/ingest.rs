//! `[[ingest]]`

use std::time::Duration;

use super::batch::Batch;
use super::decoding::Decoding;
use super::format::Format;
use super::table::IngestTable;
use super::topics::Topics;
use super::version::Version;
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Keys, Located, Span, Text};

/// A pipeline from Kafka to Spanner.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// 1 to 64 of `A-Za-z0-9._-`; with its version unique among the ingest pipelines.
    pub name: Located<str>,
    /// Default: 1. Versions of one name keep their state and write their tables side by side.
    pub version: Version,
    identity: String,
    /// The topics it reads.
    pub topics: Topics,
    /// How keys are decoded. Default: none.
    pub key: Decoding,
    /// How values are decoded. Default: avro.
    pub value: Decoding,
    /// The key of [`Mask::Hash`](crate::Mask::Hash), at least 16 bytes; there exactly when a column has that mask.
    pub mask_key: Option<Text>,
    /// How much goes into one commit.
    pub batch: Batch,
    /// `watermark.idle`: a partition without records for so long does not hold the watermark back, 1 s to 1 day.
    /// Default: 1 min.
    pub watermark_idle: Duration,
    /// What a record does that cannot be decoded, mapped or stored. Default: dead-letter.
    pub on_error: OnError,
    /// What happens when the log no longer holds the position. Default: stop.
    pub on_gap: OnGap,
    /// What a writer schema with new fields does. Default: stop.
    pub evolve: Evolve,
    /// Whether its commits ask to be left out of change streams. Default: false.
    pub exclude_from_change_streams: bool,
    /// The tables it writes, all in the same commit; at least one.
    pub tables: Vec<IngestTable>,
    /// The header.
    pub span: Span,
    /// Where its keys stand.
    pub keys: Keys,
}

/// What a record does that cannot be decoded, mapped or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// It goes to the dead letters in the same commit.
    #[default]
    DeadLetter,
    /// It stops the partition.
    Stop,
}

/// What happens when the log no longer holds the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGap {
    /// The partition stops with an error that says what was lost.
    #[default]
    Stop,
    /// It goes on at the log's start, and records what was lost.
    Skip,
}

/// What a writer schema with new fields does, before its first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evolve {
    /// It stops the pipeline with the DDL to run.
    #[default]
    Stop,
    /// It adds the columns.
    AddColumns,
}

impl Ingest {
    /// What it is called in stored state, of the consumer group and in metrics: `name`, or `name@version` for a
    /// version other than 1.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// What a table of this pipeline is called in the file: [`IngestTable::table`] is the one that its version writes.
    pub fn logical<'a>(&self, table: &'a IngestTable) -> &'a str {
        self.version.logical(table.table())
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let span = section.span();
        let name = section.required("name").and_then(|entry| entry.string(check::pipeline_name));
        let version = section.optional("version").map(|entry| version(&entry, name.as_ref()));
        let version = version.unwrap_or(Some(Version::FIRST));
        let topics = Topics::read(&section);
        let decoding = |key, absent| match section.optional(key) {
            Some(entry) => Decoding::read(&entry, key == "value"),
            None => Some(Decoding::absent(absent, span)),
        };
        let (key, value) = (decoding("key", Format::None), decoding("value", Format::Avro));
        let mask_key = section.optional("mask_key").map(|entry| entry.secret(check::mask_key));
        let batch = section.optional("batch").and_then(|entry| Batch::read(&entry));
        let idle = section.optional("watermark").and_then(|entry| entry.section()).and_then(watermark);
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
            Some(entry) => tables(&entry, version.unwrap_or(Version::FIRST)),
            None => {
                let message = "an ingest pipeline needs at least one table";
                let mistake = section.reader().mistake(Kind::MissingKey, section.span(), message);
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

fn watermark(section: Section<'_>) -> Option<Duration> {
    let bounds = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
    let idle = section.required("idle").and_then(|entry| entry.duration(bounds));
    section.finish();
    idle
}

/// With its version, the name must still fit into the bridge's tables.
fn version(entry: &Entry<'_>, name: Option<&Located<str>>) -> Option<Version> {
    let bounds = Version::FIRST.number()..=Version::LAST.number();
    let version = Version::new(entry.integer(bounds)?)?;
    let identity = name.map_or(0, |name| version.identity(name).len());
    if identity > check::PIPELINE {
        let message = format!("with its version, the pipeline's name has {identity} characters");
        let help = format!("`name@version` has at most {}: shorten the name", check::PIPELINE);
        entry.wrong(Kind::Value, message, help);
        return None;
    }
    Some(version)
}

fn tables(entry: &Entry<'_>, version: Version) -> Option<Vec<IngestTable>> {
    let elements = entry.elements()?;
    if elements.is_empty() {
        entry.wrong(
            Kind::Value,
            "an ingest pipeline needs at least one table",
            "add [[ingest.table]] below it",
        );
        return None;
    }
    let tables: Vec<_> = elements.iter().map(|entry| IngestTable::read(entry, version)).collect();
    tables.into_iter().collect()
}

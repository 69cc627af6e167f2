//! `[[ingest]]`

use super::batch::Batch;
use super::format::{KeyFormat, ValueFormat};
use super::table::IngestTable;
use crate::check::Case;
use crate::error::Kind;
use crate::read::{Entry, check};
use crate::{Located, Span};

/// A pipeline from Kafka to Spanner.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// Its identity in stored state: 1 to 64 of `A-Za-z0-9._-`, unique among the ingest pipelines.
    pub name: Located<str>,
    /// The topics it reads; at least one, none twice.
    pub topics: Vec<Located<str>>,
    /// How keys are decoded. Default: none.
    pub key: KeyFormat,
    /// How values are decoded. Default: avro.
    pub value: ValueFormat,
    /// How much goes into one commit.
    pub batch: Batch,
    /// What a record does that cannot be decoded, mapped or stored. Default: dead-letter.
    pub on_error: OnError,
    /// What happens when the log no longer holds the position. Default: stop.
    pub on_gap: OnGap,
    /// The tables it writes, all in the same commit; at least one.
    pub tables: Vec<IngestTable>,
    /// The header.
    pub span: Span,
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

impl Ingest {
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let name = section.required("name").and_then(|entry| entry.string(check::pipeline_name));
        let topics = match section.unsupported("topics_pattern", "list the topics: topics = [\"…\"]") {
            true => section.optional("topics"),
            false => section.required("topics"),
        };
        let topics = topics.and_then(|entry| entry.names("topic", Case::Matters, check::topic));
        let key = section.optional("key").and_then(|entry| KeyFormat::read(&entry));
        let value = section.optional("value").and_then(|entry| ValueFormat::read(&entry));
        let batch = section.optional("batch").and_then(|entry| Batch::read(&entry));
        let on_error = section.optional("on_error").and_then(|entry| {
            entry.choice(&[("dead-letter", OnError::DeadLetter), ("stop", OnError::Stop)], &[])
        });
        let on_gap = section.optional("on_gap");
        let on_gap =
            on_gap.and_then(|entry| entry.choice(&[("stop", OnGap::Stop), ("skip", OnGap::Skip)], &[]));
        let tables = match section.optional("table") {
            Some(entry) => tables(&entry),
            None => {
                let message = "an ingest pipeline needs at least one table";
                let mistake = section.reader().mistake(Kind::MissingKey, section.span(), message);
                section.reader().report(mistake.help("add [[ingest.table]] below it"));
                None
            }
        };
        let span = section.span();
        section.finish();
        Some(Self {
            name: name?,
            topics: topics?,
            key: key.unwrap_or_default(),
            value: value.unwrap_or_default(),
            batch: batch.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
            on_gap: on_gap.unwrap_or_default(),
            tables: tables?,
            span,
        })
    }
}

fn tables(entry: &Entry<'_>) -> Option<Vec<IngestTable>> {
    let elements = entry.elements()?;
    if elements.is_empty() {
        entry.wrong(
            Kind::Value,
            "an ingest pipeline needs at least one table",
            "add [[ingest.table]] below it",
        );
        return None;
    }
    let tables: Vec<_> = elements.iter().map(IngestTable::read).collect();
    tables.into_iter().collect()
}

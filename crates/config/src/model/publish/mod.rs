//! `[[publish]]`

mod create;
mod start;
mod values;

use std::time::Duration;

use super::batch::Transaction;
use super::decoding::Subject;
use super::format::PublishFormat;
use super::template::Template;
use crate::check::Case;
use crate::read::{Entry, check};
use crate::{Located, Span};

pub use create::CreateTopics;
pub use start::Start;
pub use values::{Compatible, Timestamps};

/// A pipeline from Spanner to Kafka.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Its identity in stored state: 1 to 64 of `A-Za-z0-9._-`, unique among the publish pipelines.
    pub name: Located<str>,
    /// The change stream it reads.
    pub change_stream: Located<str>,
    /// The tables it publishes; None: all that the stream watches.
    pub tables: Option<Vec<Located<str>>>,
    /// The topic of each table. Default: `{name}.{table}`. See [`Publish::topic`].
    pub topic: Template,
    /// How topics are created that are not there; None: they must be there.
    pub create_topics: Option<CreateTopics>,
    /// Partitions of the state topic, 1 to 256: the most workers that can share this pipeline. Default: 4.
    pub shards: u16,
    /// How keys are encoded. Default: avro.
    pub key: PublishFormat,
    /// How values are encoded. Default: avro.
    pub value: PublishFormat,
    /// The subject of the values' schema. Default: topic-name.
    pub subject: Subject,
    /// What a value holds. Default: debezium.
    pub envelope: Envelope,
    /// Whose types and fields the records have. Default: our own, without loss.
    pub compatible: Option<Compatible>,
    /// How Avro has a TIMESTAMP. Default: text.
    pub timestamps: Timestamps,
    /// Whether a deletion is followed by a record without a value. Default: true.
    pub tombstones: bool,
    /// Whether rows that are already there are published. Default: never.
    pub snapshot: Snapshot,
    /// Where the very first start begins. Default: now.
    pub start: Start,
    /// How much goes into one Kafka transaction.
    pub transaction: Transaction,
    /// What an incompatible change of a table does. Default: stop.
    pub on_incompatible_schema: OnIncompatibleSchema,
    /// Whether what the bridge itself wrote is left out. Always false in this version.
    pub skip_own: bool,
    /// The state topic. Default: `{name}.spanbridge-state`. See [`Publish::state_topic`].
    pub state_topic: Template,
    /// How often an idle change stream says so, 100 ms to 300 s. Default: 1 s.
    /// <https://cloud.google.com/spanner/docs/change-streams/details#change_stream_query_syntax>
    pub heartbeat: Duration,
    /// The header.
    pub span: Span,
}

/// What a published value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// Before, after, source and operation, as Debezium's Spanner connector has them.
    #[default]
    Debezium,
    /// The row.
    Row,
}

/// Whether rows that are already there are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Snapshot {
    /// Changes only.
    #[default]
    Never,
}

/// What an incompatible change of a table does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnIncompatibleSchema {
    /// It stops the table with an error.
    #[default]
    Stop,
}

impl Publish {
    /// The topic of a table.
    pub fn topic(&self, table: &str) -> String {
        self.topic.render(&self.name, table)
    }

    /// The state topic.
    pub fn state_topic(&self) -> String {
        self.state_topic.render(&self.name, "")
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let name = section.required("name").and_then(|entry| entry.string(check::pipeline_name));
        let stream = section.required("change_stream").and_then(|entry| entry.string(check::table));
        let tables =
            section.optional("tables").map(|entry| entry.names("table", Case::Ignored, check::table));
        let topic = section.optional("topic").map(|entry| Template::read(&entry, true));
        let create_topics = section.optional("create_topics").map(|entry| CreateTopics::read(&entry));
        let shards = section.optional("shards").and_then(|entry| entry.integer(1..=256));
        let key = section.optional("key").and_then(|entry| PublishFormat::read(&entry, false));
        let value = section.optional("value").and_then(|entry| PublishFormat::read(&entry, true));
        let envelope = section
            .optional("envelope")
            .and_then(|entry| entry.choice(&[("debezium", Envelope::Debezium), ("row", Envelope::Row)], &[]));
        let compatible = section
            .optional("compatible")
            .and_then(|entry| entry.choice(&[("debezium", Compatible::Debezium)], &[]));
        let timestamps = section.optional("timestamps").and_then(|entry| {
            let formats = [key, value].map(|format| format.unwrap_or_default().0);
            Timestamps::read(&entry, compatible, formats)
        });
        let tombstones = section.optional("tombstones").and_then(|entry| entry.boolean());
        let snapshot = section.optional("snapshot");
        let snapshot = snapshot.and_then(|entry| entry.choice(&[("never", Snapshot::Never)], &["initial"]));
        let start = section.optional("start").and_then(|entry| Start::read(&entry));
        let transaction = section.optional("transaction").and_then(|entry| Transaction::read(&entry));
        let incompatible = section
            .optional("on_incompatible_schema")
            .and_then(|entry| entry.choice(&[("stop", OnIncompatibleSchema::Stop)], &["dead-letter"]));
        let skip_own = section.optional("skip_own");
        if let Some(entry) = skip_own.filter(|entry| entry.boolean() == Some(true)) {
            entry.unsupported("`skip_own = true` is not supported by this version; supported: false");
        }
        let state_topic = section.optional("state_topic").map(|entry| Template::read(&entry, false));
        let heartbeat = section.optional("heartbeat");
        let heartbeat =
            heartbeat.and_then(|entry| entry.duration(Duration::from_millis(100)..=Duration::from_secs(300)));
        let span = section.span();
        section.finish();
        let (value, subject) = value.unwrap_or_default();
        Some(Self {
            name: name?,
            change_stream: stream?,
            tables: present(tables)?,
            topic: present(topic)?.unwrap_or_else(Template::name_and_table),
            create_topics: present(create_topics)?,
            shards: shards.unwrap_or(4),
            key: key.unwrap_or_default().0,
            value,
            subject,
            envelope: envelope.unwrap_or_default(),
            compatible,
            timestamps: timestamps.unwrap_or_default(),
            tombstones: tombstones.unwrap_or(true),
            snapshot: snapshot.unwrap_or_default(),
            start: start.unwrap_or_default(),
            transaction: transaction.unwrap_or_default(),
            on_incompatible_schema: incompatible.unwrap_or_default(),
            skip_own: false,
            state_topic: present(state_topic)?.unwrap_or_else(Template::state),
            heartbeat: heartbeat.unwrap_or(Duration::from_secs(1)),
            span,
        })
    }
}

/// Absent is `Some(None)`, wrong is None.
fn present<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    read.map_or(Some(None), |value| value.map(Some))
}

//! `[[publish]]`

mod create;
mod headers;
mod pattern;
mod route;
mod selection;
mod side;
mod start;
mod values;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::batch::Transaction;
use super::decoding::Subject;
use super::format::PublishFormat;
use super::template::Template;
use crate::error::Kind;
use crate::read::{Entry, check};
use crate::{Located, Span};

pub use create::CreateTopics;
pub use route::Route;
pub use selection::Selection;
pub use side::Beat;
pub use start::Start;
pub use values::{Compatible, Timestamps};

/// A pipeline from Spanner to Kafka.
#[derive(Debug, Clone)]
pub struct Publish {
    /// Its identity in stored state: 1 to 64 of `A-Za-z0-9._-`, unique among the publish pipelines.
    pub name: Located<str>,
    /// The change stream it reads.
    pub change_stream: Located<str>,
    /// The tables and columns it publishes.
    pub selection: Selection,
    /// What is different for some tables.
    pub routes: Vec<Route>,
    /// The topic of each table. Default: `{name}.{table}`. See [`Publish::topic`].
    pub topic: Template,
    /// How topics are created that are not there; None: they must be there.
    pub create_topics: Option<CreateTopics>,
    /// Partitions of the state topic, 1 to 256: the most workers that can share this pipeline. Default: 4, and 1 when it
    /// is atomic.
    pub shards: u16,
    /// Whether each Spanner transaction is in one Kafka transaction, and all are in the order of commits; with one
    /// shard. Default: false.
    pub atomic: bool,
    /// How keys are encoded. Default: avro.
    pub key: PublishFormat,
    /// What the subject of the keys' schema is named after. Default: topic-name.
    pub key_subject: Subject,
    /// How values are encoded. Default: avro.
    pub value: PublishFormat,
    /// What the subject of the values' schema is named after. Default: topic-name.
    pub value_subject: Subject,
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
    /// Headers of every record.
    pub headers: Vec<(String, String)>,
    /// Whether records have CloudEvents' headers. Default: false.
    pub cloud_events: bool,
    /// Where the very first start begins. Default: now.
    pub start: Start,
    /// The last commit timestamp that is published; None: for ever.
    pub end: Option<DateTime<Utc>>,
    /// Where each shard says that it is alive.
    pub heartbeat_topic: Option<Beat>,
    /// Where the pipeline says up to where it is complete.
    pub watermark_topic: Option<Beat>,
    /// Whether each record says so too. Default: false.
    pub low_watermark: bool,
    /// Where the beginnings and ends of transactions are told.
    pub transaction_topic: Option<Template>,
    /// How much goes into one Kafka transaction.
    pub transaction: Transaction,
    /// What an incompatible change of a table does. Default: stop.
    pub on_incompatible_schema: OnIncompatibleSchema,
    /// Where changes go that have no fitting schema. Default: `{name}.dead-letters`. See
    /// [`Publish::dead_letter_topic`].
    pub dead_letter_topic: Template,
    /// Whether what the file's ingest pipelines wrote is left out. Default: false.
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
    /// A new pipeline begins with the rows that are there, as of one timestamp, and goes on with the changes behind it.
    Initial,
}

/// What an incompatible change of a table does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnIncompatibleSchema {
    /// It stops the pipeline with an error.
    #[default]
    Stop,
    /// Its changes are published as they are, without a schema, to a topic of their own.
    DeadLetter,
}

const INCOMPATIBLE: [(&str, OnIncompatibleSchema); 2] =
    [("stop", OnIncompatibleSchema::Stop), ("dead-letter", OnIncompatibleSchema::DeadLetter)];

impl Publish {
    /// The topic of a table.
    pub fn topic(&self, table: &str) -> String {
        self.topic_template(table).render(&self.name, table)
    }

    /// What that is made of.
    pub fn topic_template(&self, table: &str) -> &Template {
        self.route(table).and_then(|route| route.topic.as_ref()).unwrap_or(&self.topic)
    }

    /// How the topic of a table is created; None: it must be there.
    pub fn create_topics(&self, table: &str) -> Option<&CreateTopics> {
        self.route(table).and_then(|route| route.create_topics.as_ref()).or(self.create_topics.as_ref())
    }

    fn route(&self, table: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.takes(table))
    }

    /// Where changes go that have no fitting schema; None: nowhere, they stop the pipeline.
    pub fn dead_letter_topic(&self) -> Option<String> {
        match self.on_incompatible_schema {
            OnIncompatibleSchema::Stop => None,
            OnIncompatibleSchema::DeadLetter => Some(self.dead_letter_topic.render(&self.name, "")),
        }
    }

    /// The state topic.
    pub fn state_topic(&self) -> String {
        self.state_topic.render(&self.name, "")
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let name = section.required("name").and_then(|entry| entry.string(check::pipeline_name));
        let stream = section.required("change_stream").and_then(|entry| entry.string(check::table));
        let selection = Selection::read(&section);
        let topic = section.optional("topic").map(|entry| Template::read(&entry, true));
        let create_topics = section.optional("create_topics").map(|entry| CreateTopics::read(&entry));
        let routes = section.optional("route").map_or(Some(Vec::new()), |entry| {
            entry.elements()?.iter().map(Route::read).collect::<Vec<_>>().into_iter().collect()
        });
        let headers = section.optional("headers").map_or(Some(Vec::new()), |entry| headers::read(&entry));
        let cloud_events = section.optional("cloud_events").and_then(|entry| entry.boolean());
        let shards = section.optional("shards").and_then(|entry| entry.integer(1..=256));
        let atomic = section.optional("atomic").and_then(|entry| {
            let atomic = entry.boolean()?;
            if let Some(shards) = shards.filter(|shards| atomic && *shards > 1) {
                entry.wrong(
                    Kind::Conflict,
                    format!("`atomic` needs one shard, and `shards` is {shards}"),
                    "leave `shards` out: one worker puts all changes in order, the others stand by",
                );
            }
            Some(atomic)
        });
        let key = section.optional("key").and_then(|entry| PublishFormat::read(&entry));
        let value = section.optional("value").and_then(|entry| PublishFormat::read(&entry));
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
        let start = section.optional("start").and_then(|entry| Start::read(&entry));
        let snapshot = section.optional("snapshot").and_then(|entry| {
            let snapshots = [("never", Snapshot::Never), ("initial", Snapshot::Initial)];
            let snapshot = entry.choice(&snapshots, &[])?;
            if let (Snapshot::Initial, Some(Start::At(start))) = (snapshot, start) {
                let message = format!("`snapshot` is initial, and `start` is {start}");
                entry.wrong(
                    Kind::Conflict,
                    message,
                    "leave one of the two out: changes begin where the snapshot was read",
                );
                return None;
            }
            Some(snapshot)
        });
        let end = section.optional("end").and_then(|entry| {
            let end = start::instant(&entry, "an RFC 3339 timestamp")?;
            if let Some(Start::At(start)) = start.filter(|start| matches!(start, Start::At(at) if *at > end))
            {
                let message = format!("`end` is before `start` = {start}");
                entry.wrong(Kind::Conflict, message, "give a later `end`");
            }
            Some(end)
        });
        let heartbeat_topic = section.optional("heartbeat_topic").map(|entry| Beat::read(&entry));
        let watermark_topic = section.optional("watermark_topic").map(|entry| Beat::read(&entry));
        let low_watermark = section.optional("low_watermark").and_then(|entry| entry.boolean());
        let transaction_topic =
            section.optional("transaction_topic").map(|entry| Template::read(&entry, false));
        let transaction = section.optional("transaction").and_then(|entry| Transaction::read(&entry));
        let incompatible =
            section.optional("on_incompatible_schema").and_then(|entry| entry.choice(&INCOMPATIBLE, &[]));
        let dead_letter_topic =
            section.optional("dead_letter_topic").map(|entry| Template::read(&entry, false));
        let skip_own = section.optional("skip_own").and_then(|entry| entry.boolean());
        let state_topic = section.optional("state_topic").map(|entry| Template::read(&entry, false));
        let heartbeat = section.optional("heartbeat");
        let heartbeat =
            heartbeat.and_then(|entry| entry.duration(Duration::from_millis(100)..=Duration::from_secs(300)));
        let span = section.span();
        section.finish();
        let ((key, key_subject), (value, value_subject)) =
            (key.unwrap_or_default(), value.unwrap_or_default());
        Some(Self {
            name: name?,
            change_stream: stream?,
            selection: selection?,
            routes: routes?,
            topic: present(topic)?.unwrap_or_else(Template::name_and_table),
            create_topics: present(create_topics)?,
            shards: shards.unwrap_or(if atomic == Some(true) { 1 } else { 4 }),
            atomic: atomic.unwrap_or(false),
            key,
            key_subject,
            value,
            value_subject,
            envelope: envelope.unwrap_or_default(),
            compatible,
            timestamps: timestamps.unwrap_or_default(),
            tombstones: tombstones.unwrap_or(true),
            snapshot: snapshot.unwrap_or_default(),
            headers: headers?,
            cloud_events: cloud_events.unwrap_or(false),
            start: start.unwrap_or_default(),
            end,
            heartbeat_topic: present(heartbeat_topic)?,
            watermark_topic: present(watermark_topic)?,
            low_watermark: low_watermark.unwrap_or(false),
            transaction_topic: present(transaction_topic)?,
            transaction: transaction.unwrap_or_default(),
            on_incompatible_schema: incompatible.unwrap_or_default(),
            dead_letter_topic: present(dead_letter_topic)?.unwrap_or_else(Template::dead_letters),
            skip_own: skip_own.unwrap_or(false),
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

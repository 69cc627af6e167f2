//! `[[publish]]`: a pipeline from Spanner to Kafka.
//!
//! [`Publish`] is the section; the files beside this one hold its parts: which tables and columns
//! (`selection`, `route`), topics (`create`, `periodic_topic`), record values (`headers`,
//! `value_types`) and the start. Conflicts within the section are reported here, those with other pipelines
//! in `consistency`.

mod create;
mod headers;
mod periodic_topic;
mod route;
mod selection;
mod start;
mod value_types;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::commit_limits::TransactionLimits;
use super::format::PublishFormat;
use super::subject::SubjectStrategy;
use super::template::Template;
use crate::error::ErrorKind;
use crate::read::{Entry, rules};
use crate::{Located, Span};

pub use create::CreateTopics;
pub use periodic_topic::PeriodicTopic;
pub use route::Route;
pub use selection::Selection;
pub use start::PublishStart;
pub use value_types::{Compatibility, RecordTimestamp, TimestampEncoding};

/// `[[publish]]`: a pipeline from Spanner to Kafka.
#[derive(Debug, Clone)]
pub struct Publish {
    /// `name`: the name, 1 to 64 of the characters `A-Za-z0-9._-`, unique among the publish pipelines. It
    /// identifies the pipeline in stored state. Required.
    pub name: Located<str>,
    /// `change_stream`: the change stream that the pipeline reads. Required.
    pub change_stream: Located<str>,
    /// `tables`, `exclude_tables`, `columns`, `exclude_columns`: what the pipeline publishes.
    pub selection: Selection,
    /// `[[publish.route]]`: settings for some tables, of which the first that matches applies. Default: none.
    pub routes: Vec<Route>,
    /// `topic`: the topic of each table. Default: `{name}.{table}`. See [`Publish::topic`].
    pub topic: Template,
    /// `create_topics`: how missing topics are created. Default: none, so all topics must exist.
    pub create_topics: Option<CreateTopics>,
    /// `existing_topics`: what a pipeline without stored state does if a topic of a table has had records. Default:
    /// `stop`.
    pub existing_topics: ExistingTopics,
    /// `shards`: the number of partitions of the state topic, 1 to 256, which is the maximum number of
    /// workers that share the pipeline. Default: 4, or 1 with `atomic`.
    pub shards: u16,
    /// `atomic`: whether each Spanner transaction is published in one Kafka transaction, in the order of
    /// commits. It requires one shard. Default: false.
    pub atomic: bool,
    /// `key.format`: the encoding of keys. Default: `avro`.
    pub key: PublishFormat,
    /// `key.subject`: the strategy that names the subject of the keys' schema. Default: `topic-name`.
    pub key_subject: SubjectStrategy,
    /// `value.format`: the encoding of values. Default: `avro`.
    pub value: PublishFormat,
    /// `value.subject`: the strategy that names the subject of the values' schema. Default: `topic-name`.
    pub value_subject: SubjectStrategy,
    /// `envelope`: what a value contains. Default: `debezium`.
    pub envelope: Envelope,
    /// `compatible`: another product whose types and fields the records have. Default: none, which represents
    /// all values without loss.
    pub compatible: Option<Compatibility>,
    /// `timestamps`: how Avro represents a TIMESTAMP. Default: `text`.
    pub timestamps: TimestampEncoding,
    /// `record_timestamp`: the timestamp of published records. Default: `publish`.
    pub record_timestamp: RecordTimestamp,
    /// `tombstones`: whether a record without a value follows each deletion. Default: true.
    pub tombstones: bool,
    /// `snapshot`: whether existing rows are published before changes. Default: `never`.
    pub snapshot: Snapshot,
    /// `headers`: headers of every record. Default: none.
    pub headers: Vec<(String, String)>,
    /// `cloud_events`: whether records have the headers of `CloudEvents`. Default: false.
    pub cloud_events: bool,
    /// `start`: where the first run begins. Default: `now`.
    pub start: PublishStart,
    /// `end`: the last commit timestamp that is published. Default: none, so the pipeline runs without end.
    pub end: Option<DateTime<Utc>>,
    /// `heartbeat_topic`: the topic to which each shard sends heartbeats. Default: none.
    pub heartbeat_topic: Option<PeriodicTopic>,
    /// `watermark_topic`: the topic that gets the low watermark of the pipeline. Default: none.
    pub watermark_topic: Option<PeriodicTopic>,
    /// `low_watermark`: whether each record contains the low watermark too. Default: false.
    pub low_watermark: bool,
    /// `transaction_topic`: the topic for begin and end markers of transactions. Default: none.
    pub transaction_topic: Option<Template>,
    /// `[publish.transaction]`: the limits of one Kafka transaction.
    pub transaction: TransactionLimits,
    /// `on_incompatible_schema`: what happens after an incompatible change of a table. Default: `stop`.
    pub on_incompatible_schema: OnIncompatibleSchema,
    /// `dead_letter_topic`: the topic for changes without a compatible schema. Default:
    /// `{name}.dead-letters`. See [`Publish::dead_letter_topic`].
    pub dead_letter_topic: Template,
    /// `skip_own`: whether changes that the ingest pipelines of this file wrote are omitted. Default: false.
    pub skip_own: bool,
    /// `state_topic`: the state topic. Default: `{name}.spanbridge-state`. See [`Publish::state_topic`].
    pub state_topic: Template,
    /// `heartbeat`: the time after which an idle change stream returns a heartbeat record, 100 ms to 300 s.
    /// Default: 1 s. See
    /// <https://cloud.google.com/spanner/docs/change-streams/details#change_stream_query_syntax>.
    pub heartbeat: Duration,
    /// The place of the header.
    pub span: Span,
}

/// `envelope`: what a published value contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Envelope {
    /// The row before and after the change, its source and operation, as in Debezium's Spanner connector. The
    /// default.
    #[default]
    Debezium,
    /// Only the row.
    Row,
}

/// `snapshot`: whether existing rows are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Snapshot {
    /// Only changes are published. The default.
    #[default]
    Never,
    /// A new pipeline publishes all rows as of one timestamp, then the changes after it.
    Initial,
}

/// `existing_topics`: what a pipeline without stored state does if a topic of a table has had records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingTopics {
    /// The pipeline stops: its state may be lost. The default.
    #[default]
    Stop,
    /// The pipeline begins, and its records follow the existing ones.
    Append,
}

/// `on_incompatible_schema`: what happens after an incompatible change of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnIncompatibleSchema {
    /// The pipeline stops with an error. The default.
    #[default]
    Stop,
    /// Changes of the table are published without a schema to the dead-letter topic.
    DeadLetter,
}

/// The words of `on_incompatible_schema`.
const INCOMPATIBLE_SCHEMA_WORDS: [(&str, OnIncompatibleSchema); 2] =
    [("stop", OnIncompatibleSchema::Stop), ("dead-letter", OnIncompatibleSchema::DeadLetter)];

impl Publish {
    /// Returns the topic of a table.
    pub fn topic(&self, table: &str) -> String {
        self.topic_template(table).render(&self.name, table)
    }

    /// Returns the template of a table's topic.
    pub fn topic_template(&self, table: &str) -> &Template {
        self.route(table).and_then(|route| route.topic.as_ref()).unwrap_or(&self.topic)
    }

    /// Returns how the topic of a table is created; `None` if it must exist.
    pub fn create_topics(&self, table: &str) -> Option<&CreateTopics> {
        self.route(table).and_then(|route| route.create_topics.as_ref()).or(self.create_topics.as_ref())
    }

    fn route(&self, table: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.takes(table))
    }

    /// Returns the topic for changes without a compatible schema; `None` if they stop the pipeline.
    pub fn dead_letter_topic(&self) -> Option<String> {
        match self.on_incompatible_schema {
            OnIncompatibleSchema::Stop => None,
            OnIncompatibleSchema::DeadLetter => Some(self.dead_letter_topic.render(&self.name, "")),
        }
    }

    /// Returns the name of the state topic.
    pub fn state_topic(&self) -> String {
        self.state_topic.render(&self.name, "")
    }

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let name = section.required("name").and_then(|entry| entry.string(rules::pipeline_name));
        let stream = section.required("change_stream").and_then(|entry| entry.string(rules::table));
        let selection = Selection::read(&section);
        let topic = section.optional("topic").map(|entry| Template::read(&entry, true));
        let create_topics = section.optional("create_topics").map(|entry| CreateTopics::read(&entry));
        let existing_topics = section.optional("existing_topics").and_then(|entry| {
            entry.choice(&[("stop", ExistingTopics::Stop), ("append", ExistingTopics::Append)], &[])
        });
        let routes = section.optional("route").map_or(Some(Vec::new()), |entry| {
            entry.elements()?.iter().map(Route::read).collect::<Vec<_>>().into_iter().collect()
        });
        let headers = section.optional("headers").map_or(Some(Vec::new()), |entry| headers::read(&entry));
        let cloud_events = section.optional("cloud_events").and_then(|entry| entry.boolean());
        let shards = section.optional("shards").and_then(|entry| entry.integer(1..=256));
        let atomic = section.optional("atomic").and_then(|entry| {
            let atomic = entry.boolean()?;
            if let Some(shards) = shards.filter(|shards| atomic && *shards > 1) {
                entry.report(
                    ErrorKind::Conflict,
                    format!("`atomic` needs one shard, and `shards` is {shards}"),
                    "remove `shards`: one worker orders all changes, the others are on standby",
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
            .and_then(|entry| entry.choice(&[("debezium", Compatibility::Debezium)], &[]));
        let timestamps = section.optional("timestamps").and_then(|entry| {
            let formats = [key, value].map(|format| format.unwrap_or_default().0);
            TimestampEncoding::read(&entry, compatible, formats)
        });
        let record_timestamp = section.optional("record_timestamp").and_then(|entry| {
            entry.choice(&[("publish", RecordTimestamp::Publish), ("commit", RecordTimestamp::Commit)], &[])
        });
        let tombstones = section.optional("tombstones").and_then(|entry| entry.boolean());
        let start = section.optional("start").and_then(|entry| PublishStart::read(&entry));
        let snapshot = section.optional("snapshot").and_then(|entry| {
            let snapshots = [("never", Snapshot::Never), ("initial", Snapshot::Initial)];
            let snapshot = entry.choice(&snapshots, &[])?;
            if let (Snapshot::Initial, Some(PublishStart::At(start))) = (snapshot, start) {
                let message = format!("`snapshot` is initial, and `start` is {start}");
                entry.report(
                    ErrorKind::Conflict,
                    message,
                    "remove one of the two: changes begin at the timestamp of the snapshot",
                );
                return None;
            }
            Some(snapshot)
        });
        let end = section.optional("end").and_then(|entry| {
            let end = start::read_instant(&entry, "an RFC 3339 timestamp")?;
            if let Some(PublishStart::At(start)) =
                start.filter(|start| matches!(start, PublishStart::At(at) if *at > end))
            {
                let message = format!("`end` is before `start` = {start}");
                entry.report(ErrorKind::Conflict, message, "give a later `end`");
            }
            Some(end)
        });
        let heartbeat_topic = section.optional("heartbeat_topic").map(|entry| PeriodicTopic::read(&entry));
        let watermark_topic = section.optional("watermark_topic").map(|entry| PeriodicTopic::read(&entry));
        let low_watermark = section.optional("low_watermark").and_then(|entry| entry.boolean());
        let transaction_topic =
            section.optional("transaction_topic").map(|entry| Template::read(&entry, false));
        let transaction = section.optional("transaction").and_then(|entry| TransactionLimits::read(&entry));
        let incompatible = section
            .optional("on_incompatible_schema")
            .and_then(|entry| entry.choice(&INCOMPATIBLE_SCHEMA_WORDS, &[]));
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
            existing_topics: existing_topics.unwrap_or_default(),
            shards: shards.unwrap_or(if atomic == Some(true) { 1 } else { 4 }),
            atomic: atomic.unwrap_or(false),
            key,
            key_subject,
            value,
            value_subject,
            envelope: envelope.unwrap_or_default(),
            compatible,
            timestamps: timestamps.unwrap_or_default(),
            record_timestamp: record_timestamp.unwrap_or_default(),
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

/// Turns the result of an optional read inside out: `Some(None)` if the file does not have the key, `None`
/// after a mistake.
fn present<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    read.map_or(Some(None), |value| value.map(Some))
}

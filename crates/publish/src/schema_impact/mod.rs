//! What a change of the schema would do to a pipeline, before it is made.
//!
//! Two [`Catalog`]s, in front of a statement and behind it, go through what the service itself goes through: the same
//! selection, the same schemas, the same question to the registry. Nothing is registered, created or published.

mod catalog;
mod compatibility;
mod difference;
mod impact;
mod subjects;
mod table;

use std::time::Duration;

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, ClientOptions};
use spanbridge_schema::Registry;
use spanbridge_spanner::ChangeStreamInfo;

use crate::startup::unfit;
use crate::transform::RecordFormat;
use crate::{Error, ErrorKind};

pub use catalog::Catalog;
pub use impact::{Impact, Outcome};
pub use subjects::TableSubjects;

/// Of one question to Kafka.
const LIMIT: Duration = Duration::from_secs(30);

/// One pipeline, and whom it asks.
pub struct ImpactAnalysis<'a> {
    publish: &'a Publish,
    registry: &'a Registry,
    admin: Admin,
    form: RecordFormat,
}

impl<'a> ImpactAnalysis<'a> {
    /// # Errors
    /// Options that Kafka's client refuses.
    pub fn new(
        publish: &'a Publish,
        registry: &'a Registry,
        kafka: &ClientOptions,
    ) -> Result<Self, spanbridge_kafka::Error> {
        Ok(Self { publish, registry, admin: Admin::new(kafka, LIMIT)?, form: RecordFormat::new(publish) })
    }

    /// What reading the pipeline's part of a database gives; see [`Catalog::read`].
    ///
    /// # Errors
    /// As that.
    pub async fn read(
        &self,
        config: &Config,
        database: &spanbridge_spanner::Database,
    ) -> Result<Catalog, Error> {
        Catalog::read(config, self.publish, database).await
    }

    /// What comes of it when a database that is as `before` becomes as `after`. What `before` has already against the
    /// pipeline is not told again.
    ///
    /// # Errors
    /// Kafka or the registry does not answer, or refuses the question.
    pub async fn between(&self, before: &Catalog, after: &Catalog) -> Result<Vec<Impact>, Error> {
        let name = &self.publish.change_stream;
        let mut foreseen = Vec::new();
        match (&before.stream, &after.stream) {
            (Ok(Some(_)), Ok(None)) => {
                let message = format!("change stream {name} is gone: {}", self.would_stop("within seconds"));
                let help = "one that is made anew has other tokens: what this one still holds would be lost";
                foreseen.push(Impact::stop(ErrorKind::Stream, message, help));
            }
            (Ok(_), Err(why)) => {
                let message = format!("{why}: {}", self.would_stop("within seconds"));
                foreseen.push(Impact::stop(ErrorKind::Stream, message, "leave the change stream as it is"));
            }
            (before, Ok(Some(stream))) => {
                foreseen.extend(self.stream(before.as_ref().ok().and_then(Option::as_ref), stream));
            }
            _ => {}
        }
        if after.has_stream() {
            for name in before
                .tables
                .keys()
                .chain(after.tables.keys().filter(|name| !before.tables.contains_key(*name)))
            {
                foreseen.extend(self.table(name, before, after).await?);
            }
        }
        Ok(foreseen)
    }

    /// An altered change stream.
    fn stream(&self, before: Option<&ChangeStreamInfo>, after: &ChangeStreamInfo) -> Vec<Impact> {
        let known: Vec<String> = before
            .map(|before| unfit(self.publish, before).into_iter().map(|unfit| unfit.message).collect())
            .unwrap_or_default();
        let new = unfit(self.publish, after).into_iter().filter(|unfit| !known.contains(&unfit.message));
        let mut foreseen: Vec<Impact> = new
            .map(|unfit| {
                let message = format!("{}: {}", unfit.message, self.would_stop("within seconds"));
                Impact::stop(ErrorKind::Stream, message, &unfit.help)
            })
            .collect();
        let name = &after.name;
        if let Some(before) = before.filter(|before| before.value_capture_type != after.value_capture_type) {
            let (from, to) = (before.value_capture_type.as_str(), after.value_capture_type.as_str());
            let message = format!("change stream {name} captures {to} instead of {from}");
            foreseen.push(Impact::change(message, "docs/publish.md has what records hold of each"));
        }
        if let Some(before) = before.filter(|before| before.retention > after.retention) {
            let hours = |stream: &ChangeStreamInfo| stream.retention.as_secs() / 3600;
            let (from, to) = (hours(before), hours(after));
            let message = format!(
                "change stream {name} keeps {to} h instead of {from} h: what the pipeline has not published by then is lost"
            );
            foreseen.push(Impact::ends(message, "look at the pipeline's lag first"));
        }
        foreseen
    }

    fn would_stop(&self, when: &str) -> String {
        format!("publish {} would stop {when}", self.publish.name)
    }
}

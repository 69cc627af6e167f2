//! The comparison of two catalogs of one pipeline.

use std::time::Duration;

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::{Admin, ClientOptions};
use spanbridge_schema::Registry;
use spanbridge_spanner::ChangeStreamInfo;

use super::catalog::Catalog;
use super::impact::{Impact, would_stop};
use super::subjects::{TableSubjects, table_subjects};
use super::table_impacts::TableImpacts;
use super::unpublishable::unpublishable;
use crate::startup::stream_mismatches;
use crate::transform::RecordFormat;
use crate::{Error, ErrorKind};

/// How long one request to Kafka may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The analysis for one pipeline, with the services that it asks.
pub struct ImpactAnalysis<'a> {
    publish: &'a Publish,
    registry: &'a Registry,
    admin: Admin,
    format: RecordFormat,
}

impl<'a> ImpactAnalysis<'a> {
    /// Creates the analysis of a pipeline.
    ///
    /// # Errors
    /// Options that Kafka's client rejects.
    pub fn new(
        publish: &'a Publish,
        registry: &'a Registry,
        kafka: &ClientOptions,
    ) -> Result<Self, spanbridge_kafka::Error> {
        let (admin, format) = (Admin::new(kafka, ADMIN_TIMEOUT)?, RecordFormat::new(publish));
        Ok(Self { publish, registry, admin, format })
    }

    /// Reads the pipeline's part of a database's schema.
    ///
    /// # Errors
    /// Spanner is unavailable or refuses the request.
    pub async fn read(
        &self,
        config: &Config,
        database: &spanbridge_spanner::Database,
    ) -> Result<Catalog, Error> {
        Catalog::read(config, self.publish, database).await
    }

    /// Returns the registry subjects of each table of which schemas can be derived.
    #[must_use]
    pub fn subjects(&self, catalog: &Catalog) -> Vec<TableSubjects> {
        table_subjects(&self.format, catalog)
    }

    /// Returns the reasons why the pipeline could not publish some of its tables.
    #[must_use]
    pub fn unpublishable(&self, catalog: &Catalog) -> Vec<String> {
        unpublishable(&self.format, catalog)
    }

    /// Returns the impacts of the step from `before` to `after`. A problem that `before` already has is not repeated.
    ///
    /// # Errors
    /// Kafka or the registry is unavailable or refuses the request.
    pub async fn compare(&self, before: &Catalog, after: &Catalog) -> Result<Vec<Impact>, Error> {
        let (name, stops) = (&self.publish.change_stream, would_stop(self.publish, "within seconds"));
        let mut impacts = Vec::new();
        match (&before.stream, &after.stream) {
            (Ok(Some(_)), Ok(None)) => {
                let message = format!("change stream {name} no longer exists: {stops}");
                let help = "a change stream that is created again has other tokens: the changes that this one still holds \
                            would be lost";
                impacts.push(Impact::stop(ErrorKind::Stream, message, help));
            }
            (Ok(_), Err(why)) => {
                let message = format!("{why}: {stops}");
                impacts.push(Impact::stop(ErrorKind::Stream, message, "leave the change stream as it is"));
            }
            (before, Ok(Some(stream))) => {
                let before = before.as_ref().ok().and_then(Option::as_ref);
                impacts.extend(self.stream_impacts(before, stream));
            }
            _ => {}
        }
        if after.has_stream() {
            let tables = TableImpacts {
                publish: self.publish,
                registry: self.registry,
                admin: &self.admin,
                format: &self.format,
            };
            let new = after.tables.keys().filter(|name| !before.tables.contains_key(*name));
            for name in before.tables.keys().chain(new) {
                impacts.extend(tables.compare(name, before, after).await?);
            }
        }
        Ok(impacts)
    }

    fn stream_impacts(&self, before: Option<&ChangeStreamInfo>, after: &ChangeStreamInfo) -> Vec<Impact> {
        let messages = |stream| stream_mismatches(self.publish, stream).into_iter().map(|m| m.message);
        let known: Vec<String> = before.map(|before| messages(before).collect()).unwrap_or_default();
        let mismatches = stream_mismatches(self.publish, after).into_iter();
        let mut impacts: Vec<Impact> = mismatches
            .filter(|mismatch| !known.contains(&mismatch.message))
            .map(|mismatch| {
                let stops = would_stop(self.publish, "within seconds");
                let message = format!("{}: {stops}", mismatch.message);
                Impact::stop(ErrorKind::Stream, message, &mismatch.help)
            })
            .collect();
        let name = &after.name;
        if let Some(before) = before.filter(|before| before.value_capture_type != after.value_capture_type) {
            let (from, to) = (before.value_capture_type.as_str(), after.value_capture_type.as_str());
            let message = format!("change stream {name} captures {to} instead of {from}");
            impacts.push(Impact::change(
                message,
                "docs/reference/publish.md describes the records of each capture type",
            ));
        }
        if let Some(before) = before.filter(|before| before.retention > after.retention) {
            let hours = |stream: &ChangeStreamInfo| stream.retention.as_secs() / 3600;
            let (from, to) = (hours(before), hours(after));
            let message = format!(
                "change stream {name} keeps {to} h instead of {from} h: changes that the pipeline has not published by \
                 then are lost"
            );
            impacts.push(Impact::end(message, "check the pipeline's lag first"));
        }
        impacts
    }
}

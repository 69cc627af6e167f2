//! The names of the demo's database, tables, topics and pipelines.

/// The table with one row per flight.
pub(super) const FLIGHTS_TABLE: &str = "Flights";
/// The table with the delays per origin, carrier and hour.
pub(super) const DELAYS_TABLE: &str = "DelaysByHour";
/// The change stream that watches both tables.
pub(super) const CHANGE_STREAM: &str = "DelaysStream";

/// The names of one run. They have a random suffix when the run shares Kafka, Spanner or the registry with earlier runs.
#[derive(Debug, Clone)]
pub(super) struct ResourceNames {
    /// The path `projects/…/instances/…/databases/…`.
    pub(super) database: String,
    /// The topic with the flights.
    pub(super) topic: String,
    /// The ingest pipeline.
    pub(super) ingest: String,
    /// The publish pipeline.
    pub(super) publish: String,
}

impl ResourceNames {
    pub(super) fn new(suffix: Option<&str>) -> Self {
        let with_suffix =
            |name: &str| suffix.map_or_else(|| name.to_owned(), |suffix| format!("{name}-{suffix}"));
        Self {
            database: format!("projects/demo/instances/demo/databases/{}", with_suffix("flights")),
            topic: with_suffix("flights"),
            ingest: with_suffix("flights"),
            publish: with_suffix("delays"),
        }
    }

    /// Returns the subject of the flights' schema.
    pub(super) fn subject(&self) -> String {
        format!("{}-value", self.topic)
    }

    /// Returns the topic to which a table is published: `{name}.{table}` in the configuration.
    pub(super) fn published_topic(&self, table: &str) -> String {
        format!("{}.{table}", self.publish)
    }

    /// Returns all topics of this run. The state topic has the default name of the configuration.
    pub(super) fn topics(&self) -> [String; 4] {
        let state = format!("{}.spanbridge-state", self.publish);
        [self.topic.clone(), self.published_topic(FLIGHTS_TABLE), self.published_topic(DELAYS_TABLE), state]
    }
}

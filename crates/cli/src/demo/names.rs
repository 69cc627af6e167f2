//! What the demo's things are called.

/// Names of one run. They carry a tag when parts are used that may know those of an earlier run.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `projects/…/instances/…/databases/…`.
    pub(super) database: String,
    /// The topic with the flights.
    pub(super) topic: String,
    /// The ingest pipeline.
    pub(super) ingest: String,
    /// The publish pipeline.
    pub(super) publish: String,
}

impl Names {
    pub(super) fn new(tag: Option<&str>) -> Self {
        let tagged = |name: &str| tag.map_or_else(|| name.to_owned(), |tag| format!("{name}-{tag}"));
        Self {
            database: format!("projects/demo/instances/demo/databases/{}", tagged("flights")),
            topic: tagged("flights"),
            ingest: tagged("flights"),
            publish: tagged("delays"),
        }
    }

    /// The subject of the flights' schema.
    pub(super) fn subject(&self) -> String {
        format!("{}-value", self.topic)
    }

    /// Where publish brings a table: the configuration's `{name}.{table}`.
    pub(super) fn published(&self, table: &str) -> String {
        format!("{}.{table}", self.publish)
    }

    /// All topics of this run; the state topic is the configuration's default.
    pub(super) fn topics(&self) -> [String; 4] {
        let state = format!("{}.spanbridge-state", self.publish);
        [
            self.topic.clone(),
            self.published(super::database::FLIGHTS),
            self.published(super::database::DELAYS),
            state,
        ]
    }
}

//! The impact of each of several statements that run one after the other.

use spanbridge_config::{Config, Publish};
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::Registry;
use spanbridge_spanner::Database;

use super::analysis::ImpactAnalysis;
use super::catalog::Catalog;
use super::impact::Impact;
use crate::Error;

/// Tracks how each of several statements affects one publish pipeline.
///
/// The tracker holds the catalog after the previous statement and compares the next one with it.
pub struct ImpactTracker<'a> {
    pipeline: &'a Publish,
    config: &'a Config,
    analysis: ImpactAnalysis<'a>,
    catalog: Catalog,
}

impl<'a> ImpactTracker<'a> {
    /// Reads the catalog before the first statement.
    ///
    /// # Errors
    /// The options of Kafka's client are invalid, or Spanner cannot be read.
    pub async fn start(
        config: &'a Config,
        pipeline: &'a Publish,
        database: &Database,
        registry: &'a Registry,
        kafka: &ClientOptions,
    ) -> Result<Self, Error> {
        let analysis = ImpactAnalysis::new(pipeline, registry, kafka).map_err(Error::Kafka)?;
        let catalog = analysis.read(config, database).await?;
        Ok(Self { pipeline, config, analysis, catalog })
    }

    /// Returns the name of the pipeline.
    #[must_use]
    pub fn pipeline(&self) -> &str {
        &self.pipeline.name
    }

    /// Returns the impact of the statement that has just run in `database`.
    ///
    /// # Errors
    /// Spanner, Kafka or the registry does not answer, or refuses the question.
    pub async fn impact_of_last_statement(&mut self, database: &Database) -> Result<Vec<Impact>, Error> {
        let after = self.analysis.read(self.config, database).await?;
        let impact = self.analysis.compare(&self.catalog, &after).await?;
        // A change stream that was dropped and is created again is compared with what it was before.
        if after.has_stream() || !self.catalog.has_stream() {
            self.catalog = after;
        }
        Ok(impact)
    }
}

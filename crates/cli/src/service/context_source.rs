//! The source of the context of each run of a pipeline.

use std::sync::Arc;

use spanbridge_config::{Config, Error};
use spanbridge_schema::Registry;
use spanbridge_service::{Context, Healths};
use spanbridge_spanner::Options as SpannerOptions;
use spanbridge_telemetry::admin::Liveness;

use crate::connections;

/// Creates the context of each run, with the secrets of that moment ("Late secrets", docs/design/supervision.md).
#[derive(Clone)]
pub(super) struct ContextSource {
    pub(super) config: Arc<Config>,
    /// The property `client.id` of all Kafka clients.
    pub(super) client_id: String,
    pub(super) spanner: SpannerOptions,
    pub(super) registry: Registry,
    pub(super) health: Healths,
    pub(super) liveness: Liveness,
}

impl ContextSource {
    /// Returns the context of one run.
    ///
    /// # Errors
    /// A reference to a secret does not resolve.
    pub(super) fn context(&self) -> Result<Context, Error> {
        Ok(Context {
            config: self.config.clone(),
            kafka: connections::kafka(&self.config, &self.client_id)?,
            spanner: self.spanner.clone(),
            registry: self.registry.clone(),
            health: self.health.clone(),
            liveness: self.liveness.clone(),
        })
    }
}

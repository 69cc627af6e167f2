use std::sync::Arc;

use spanbridge_config::Config;
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::Registry;
use spanbridge_telemetry::admin::{Liveness, Readiness};

/// What a pipeline needs of its process.
#[derive(Clone)]
pub struct Context {
    pub config: Arc<Config>,
    pub kafka: ClientOptions,
    pub spanner: spanbridge_spanner::Options,
    pub registry: Registry,
    pub readiness: Readiness,
    pub liveness: Liveness,
}

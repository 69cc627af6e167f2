use std::sync::Arc;

use spanbridge_config::Config;
use spanbridge_kafka::ClientOptions;
use spanbridge_schema::Registry;
use spanbridge_telemetry::admin::Liveness;

use crate::Healths;

/// The configuration, connection options and health endpoints that a process gives to each of its pipelines.
#[derive(Clone)]
pub struct Context {
    /// The configuration file of the process.
    pub config: Arc<Config>,
    /// The options of every Kafka client.
    pub kafka: ClientOptions,
    /// The options of every Spanner client.
    pub spanner: spanbridge_spanner::Options,
    /// The schema registry.
    pub registry: Registry,
    /// The health of each pipeline, from which the answer of `/readyz` follows.
    pub health: Healths,
    /// The answer of `/livez`, to which each loop adds its heartbeat.
    pub liveness: Liveness,
}

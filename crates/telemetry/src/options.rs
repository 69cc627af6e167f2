//! The options of telemetry.

use std::net::SocketAddr;

use spanbridge_credentials::SecretSource;

use crate::admin::AdminTls;

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// The options of [`Telemetry::start`](crate::Telemetry::start): the service's name, and `[telemetry]` of the
/// configuration.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// The resource attribute `service.name` of traces: `spanbridge-ingest` or `spanbridge-publish`.
    pub service: String,
    /// The resource attribute `service.version` of traces.
    pub version: String,
    /// The collector that gets traces by OTLP/gRPC, such as `http://127.0.0.1:4317`; `None` exports no
    /// traces. Request headers come from `OTEL_EXPORTER_OTLP_HEADERS`, further resource attributes from
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub otlp_endpoint: Option<String>,
    /// The address of the admin port; `None` starts none. Port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// The bearer token that everything but the probes of the admin port needs; `None` needs none.
    pub token: Option<SecretSource>,
    /// The certificate with which the admin port serves TLS; `None` serves plain HTTP.
    pub tls: Option<AdminTls>,
    /// The filter of logged events, in the syntax of [`EnvFilter`](tracing_subscriber::EnvFilter): `info`,
    /// `warn,spanbridge_ingest=debug`. It does not affect traces.
    pub log: String,
    /// The format of log lines.
    pub format: LogFormat,
    /// The share of batches whose trace is recorded, from 0 to 1.
    pub sample: f64,
}

impl TelemetryOptions {
    /// Creates options for logs of level info as text, without traces and admin port.
    #[must_use]
    pub fn new(service: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            version: version.into(),
            otlp_endpoint: None,
            listen: None,
            token: None,
            tls: None,
            log: "info".to_owned(),
            format: LogFormat::Text,
            sample: 1.0,
        }
    }
}

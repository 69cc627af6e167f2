use std::net::SocketAddr;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// One readable line for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// What to start; the `[telemetry]` part of the configuration file.
#[derive(Debug, Clone)]
pub struct Options {
    /// `service.name` of traces: `spanbridge-ingest` or `spanbridge-publish`.
    pub service: String,
    /// `service.version` of traces.
    pub version: String,
    /// Where to send traces by OTLP/gRPC, such as `http://127.0.0.1:4317`; `None`: nowhere. Headers for it
    /// come from `OTEL_EXPORTER_OTLP_HEADERS`, more resource attributes from `OTEL_RESOURCE_ATTRIBUTES`.
    pub otlp_endpoint: Option<String>,
    /// Where the admin port listens; `None`: it does not. Port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// Which events are logged, in the syntax of
    /// [`EnvFilter`](tracing_subscriber::EnvFilter): `info`, `warn,spanbridge_ingest=debug`.
    /// It does not bear upon traces.
    pub log: String,
    /// How log lines look.
    pub format: Format,
    /// Share of batches whose trace is recorded, 0 to 1.
    pub sample: f64,
}

impl Options {
    /// Logs of level info as text, no traces, no admin port.
    #[must_use]
    pub fn new(service: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            version: version.into(),
            otlp_endpoint: None,
            listen: None,
            log: "info".to_owned(),
            format: Format::Text,
            sample: 1.0,
        }
    }
}

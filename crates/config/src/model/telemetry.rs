//! `[telemetry]`: logs, traces and the admin port.

use std::time::Duration;

use super::listen::Listen;
use crate::read::{Section, rules};
use crate::{Located, Span, Text};

/// `[telemetry]`: logs, traces and the admin port.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// `otlp_endpoint`: the collector that gets traces over OTLP/gRPC, `http://host:port`. Default: none, so
    /// no traces are exported.
    pub otlp_endpoint: Option<Located<str>>,
    /// `listen`: the addresses of the admin port (`/livez`, `/readyz`, `/metrics`, `/status`) of each service.
    /// Default: 127.0.0.1:9464 for ingest, 127.0.0.1:9465 for publish.
    pub listen: Listen,
    /// `token`: the bearer token that everything but the probes of the admin port needs, by reference. It is read
    /// again when it changes. Default: none.
    pub token: Option<Text>,
    /// `tls`: the certificate with which the admin port serves TLS. Default: none, so it serves plain HTTP.
    pub tls: Option<TelemetryTls>,
    /// `log`: the filter of log lines, in the syntax of tracing-subscriber's `EnvFilter`. Default: `info`.
    pub log: Located<str>,
    /// `format`: the format of log lines. Default: `text`.
    pub format: LogFormat,
    /// `sample`: the share of traces that are recorded, 0.0 to 1.0. Default: 1.0.
    pub sample: f64,
    /// `ready_timeout`: the longest time without progress after which `/readyz` reports a pipeline as not ready,
    /// 1 s to 1 h. Default: 30 s.
    pub ready_timeout: Duration,
}

/// `tls`: the files of the admin port's certificate, which are read again when they change.
#[derive(Debug, Clone)]
pub struct TelemetryTls {
    /// `certificate`: the path of the certificate with its chain, in PEM. Required.
    pub certificate: Located<str>,
    /// `key`: the path of its private key, in PEM. Required.
    pub key: Located<str>,
}

impl TelemetryTls {
    fn read(section: Section<'_>) -> Option<Self> {
        let path = |key| section.required(key).and_then(|entry| entry.string(rules::absolute_path));
        let (certificate, key) = (path("certificate"), path("key"));
        section.finish();
        Some(Self { certificate: certificate?, key: key? })
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            listen: Listen::default(),
            token: None,
            tls: None,
            log: Located::new("info", Span::default()),
            format: LogFormat::Text,
            sample: 1.0,
            ready_timeout: Duration::from_secs(30),
        }
    }
}

impl Telemetry {
    pub(crate) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let otlp_endpoint = section.optional("otlp_endpoint").and_then(|entry| entry.string(rules::url));
        let listen = section.optional("listen").and_then(|entry| Listen::read(&entry));
        let token = section.optional("token").and_then(|entry| entry.secret(rules::bearer_token));
        let tls = section.optional("tls").and_then(|entry| entry.section()).and_then(TelemetryTls::read);
        let log = section.optional("log").and_then(|entry| entry.string(rules::filled));
        let format = section
            .optional("format")
            .and_then(|entry| entry.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)], &[]));
        let sample = section.optional("sample").and_then(|entry| entry.float(0.0..=1.0));
        let ready_timeout = section
            .optional("ready_timeout")
            .and_then(|entry| entry.duration(Duration::from_secs(1)..=Duration::from_secs(3600)));
        section.finish();
        Self {
            otlp_endpoint,
            listen: listen.unwrap_or(default.listen),
            token,
            tls,
            log: log.unwrap_or(default.log),
            format: format.unwrap_or(default.format),
            sample: sample.unwrap_or(default.sample),
            ready_timeout: ready_timeout.unwrap_or(default.ready_timeout),
        }
    }
}

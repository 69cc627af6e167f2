//! `[telemetry]`

use std::net::{Ipv4Addr, SocketAddr};

use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Located, Span};

/// Logs, traces, metrics and the admin port.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Where traces go over OTLP/gRPC; absent: nowhere.
    pub otlp_endpoint: Option<Located<str>>,
    /// Address and port of `/livez /readyz /metrics`. Default: 127.0.0.1:9464.
    pub listen: SocketAddr,
    /// Filter of the log, as tracing-subscriber's `EnvFilter` reads it. Default: `info`.
    pub log: Located<str>,
    /// Form of the log. Default: text.
    pub format: LogFormat,
    /// The fraction of traces that are kept, 0.0 to 1.0. Default: 1.0.
    pub sample: f64,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
            log: Located::new("info", Span::default()),
            format: LogFormat::Text,
            sample: 1.0,
        }
    }
}

impl Telemetry {
    pub(crate) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let otlp_endpoint = section.optional("otlp_endpoint").and_then(|entry| entry.string(check::url));
        let listen = section.optional("listen").and_then(|entry| address(&entry));
        let log = section.optional("log").and_then(|entry| entry.string(check::filled));
        let format = section
            .optional("format")
            .and_then(|entry| entry.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)], &[]));
        let sample = section.optional("sample").and_then(|entry| entry.float(0.0..=1.0));
        section.finish();
        Self {
            otlp_endpoint,
            listen: listen.unwrap_or(default.listen),
            log: log.unwrap_or(default.log),
            format: format.unwrap_or(default.format),
            sample: sample.unwrap_or(default.sample),
        }
    }
}

fn address(entry: &Entry<'_>) -> Option<SocketAddr> {
    let text = entry.string(check::filled)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an IP address with a port", entry.path());
        entry.wrong(Kind::Value, message, "write it as 127.0.0.1:9464, or 0.0.0.0:9464 for all interfaces");
    }
    address
}

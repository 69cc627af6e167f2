//! Logs, traces, metrics and the admin port of both services.
//!
//! [`Telemetry::start`] is called once per process. Its handle gives access to the registries that pipelines
//! report to:
//!
//! - **logs** go to standard error, as text or JSON;
//! - **traces** go to a collector over OTLP/gRPC ([`trace`] lists all spans and attributes);
//! - **metrics** are in Prometheus' text format ([`metrics`] lists all names);
//! - the **admin port** answers `/livez`, `/readyz`, `/metrics` and `/status` ([`admin`]).
//!
//! Everything runs on one thread with its own runtime. So a collector that is down or hangs neither blocks
//! nor slows the service, and a service whose own threads are stuck still answers `/livez` (with 503).

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admin;
mod error;
mod log;
mod log_crate;
pub mod metrics;
mod options;
#[cfg(feature = "receiver")]
pub mod receiver;
mod telemetry;
pub mod trace;

pub use error::{Error, ErrorKind};
pub use log::LogControl;
pub use options::{LogFormat, TelemetryOptions};
pub use telemetry::Telemetry;

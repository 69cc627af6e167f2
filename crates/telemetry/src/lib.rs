//! Logs, traces, metrics and the admin port of both services.
//!
//! [`Telemetry::start`] is called once per process and gives the handle that the services register with:
//!
//! - **logs** to standard error, as text or JSON;
//! - **traces** over OTLP/gRPC ([`trace`] holds the written table of spans and attributes);
//! - **metrics** in Prometheus' text format ([`metrics`] holds the written table of names);
//! - **admin port** with `/livez`, `/readyz`, `/metrics` and `/status` ([`admin`]).
//!
//! All of it runs on one thread of its own runtime: a collector that is down or hangs can neither block nor slow
//! the service, and a service whose own threads are stuck still answers `/livez` (with 503).

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
pub use options::{Format, Options};
pub use telemetry::Telemetry;

//! The admin port: an HTTP server for probes, metrics and operators.
//!
//! | path | answer |
//! | --- | --- |
//! | `/livez` | 200 while every registered loop beats, otherwise 503 with the names of the loops that do not ([`Liveness`]) |
//! | `/readyz` | 200 once every registered pipeline is ready, otherwise 503; both list the pipelines and reasons ([`Readiness`]) |
//! | `/metrics` | all metrics in Prometheus' text format ([`metrics`](crate::metrics)) |
//! | `/status` | JSON: service, version, and each pipeline with its readiness, reason and details ([`Readiness`]) |
//!
//! With a token, everything but `/livez` and `/readyz` needs it. With TLS, the whole port speaks TLS.
//!
//! The pipelines write to the two registries; only the server reads them. Nothing here changes the service:
//! the port is read-only.

mod liveness;
mod readiness;
mod server;
mod tls;
mod token;

pub use liveness::{Heartbeat, Liveness};
pub use readiness::{PipelineReadiness, Readiness};
pub(crate) use server::{Protection, Server, ServerState};
pub use tls::AdminTls;
pub(crate) use token::TokenCheck;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a registry, also after a holder of the lock panicked: each registry is consistent between its calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

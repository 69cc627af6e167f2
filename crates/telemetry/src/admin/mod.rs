//! The admin port.
//!
//! | path | answer |
//! | --- | --- |
//! | `/livez` | 200 while every registered loop beats, otherwise 503 with the names of those that do not ([`Liveness`]) |
//! | `/readyz` | 200 once every registered pipeline is ready, otherwise 503; both list pipelines and reasons ([`Readiness`]) |
//! | `/metrics` | Prometheus' text format ([`metrics`](crate::metrics)) |
//! | `/status` | JSON: service, version, and what each pipeline tells about itself ([`Status`]) |

mod liveness;
mod readiness;
mod server;
mod status;

pub use liveness::{Heartbeat, Liveness};
pub use readiness::{Readiness, Ready};
pub(crate) use server::{Server, State};
pub use status::Status;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a holder panicked: each registry is whole between its calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

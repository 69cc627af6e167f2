//! The parts that `spanbridge ingest` and `spanbridge publish` share.
//!
//! Both services run pipelines in a [`Context`] under a [`Supervisor`], retry with a [`Backoff`], and end with a
//! [`PipelineError`]. [`PipelineHealth`] turns their answers, failures and progress into readiness and log lines.
//! Each service keeps its own error type, its own kinds of errors, and its own
//! `policy.rs` that decides what is done about each kind.
//!
//! This crate connects to nothing and decides nothing about data.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backoff;
mod context;
mod error;
mod failure;
pub mod failure_table;
mod health;
mod repeats;
mod restart_budget;
mod secret_source;
mod supervisor;

pub use backoff::Backoff;
pub use context::Context;
pub use error::{ErrorCode, PipelineError};
pub use failure::{FailureClass, PipelineFailure};
pub use health::{Healths, Part, PipelineHealth};
pub use restart_budget::RestartLimits;
pub use secret_source::secret_source;
pub use supervisor::{Supervisor, supervise_all};

//! A fake Cloud Spanner: an in-memory implementation of the features that the emulator lacks.
//!
//! It runs concurrent commits that are serialisable, and has commit statistics, the limits of one commit, a commit latency,
//! lost answers, and change streams with transaction tags, hundreds of partitions and transactions over several of them.
//!
//! The fake complements the emulator and never replaces it: tests of features that both have run on both. It serves the
//! part of `google.spanner.v1` and of the REST administration that the bridge uses, so that the services run against it
//! unchanged. Every other call fails with UNIMPLEMENTED and its name.
//!
//! Only tests and benchmarks depend on this crate, so that the demo does not build a server.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cell;
mod clock;
mod commit;
mod database;
mod databases;
mod fake_spanner;
mod fault;
mod key;
mod refusal;
mod request_log;
mod rest;
mod schema;
mod service;
mod span;
mod store;
mod stream;
mod transaction;

pub use commit::{CommitLog, CommitRecord, Kind, Limits, TableRows};
pub use fake_spanner::{Builder, FakeSpanner, ServerCertificate};
pub use fault::{Fault, Faults, Latency, Loss};
pub use refusal::Error;
pub use request_log::{RequestLog, RequestRecord};
pub use stream::{ChangeStreamControl, TokenInfo};
pub use tonic::Code;

//! A stand-in for Cloud Spanner, for what its emulator cannot show: commits that run side by side and are
//! still serialisable, commit statistics, the limits of one commit, a commit latency, answers that get lost, and
//! change streams with transaction tags, hundreds of partitions, and transactions over several of them.
//!
//! A measuring instrument beside the emulator, never instead of it: whatever both know is tested on both.
//! It speaks the part of `google.spanner.v1` and of the REST administration that the bridge uses, so that
//! the services run against it unchanged; all else is UNIMPLEMENTED, with its name.
//!
//! A crate of its own, which only tests and benchmarks depend on, so that the demo does not build a server.
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
mod rest;
mod schema;
mod service;
mod span;
mod store;
mod stream;
mod transaction;

pub use commit::{CommitLog, CommitRecord, Kind, Limits, TableRows};
pub use fake_spanner::{Builder, FakeSpanner};
pub use fault::{Fault, Faults, Latency, Loss};
pub use refusal::Error;
pub use stream::{ChangeStreamControl, TokenInfo};
pub use tonic::Code;

//! Exhaustive models: every order of requests, answers and faults, within small bounds.
//!
//! The simulation (`spanbridge_protocol::sim`) runs long histories with random choices. These models are
//! tiny, and nothing in them is left to chance: the checker visits each reachable state.
//!
//! | module | what it explores |
//! | --- | --- |
//! | [`ingest`] | two `Worker`s of `spanbridge_protocol` that both own one partition |
//! | [`publish`] | producers of one shard, and Kafka's transaction coordinator |
//!
//! The checker is `stateright`. It is a breadth-first search, so a counterexample is one of the shortest. It adds
//! eight crates to the lock file, one of them a web server for its explorer, which has no feature to leave it
//! out; no product depends on it. The bounds and the results are in docs/design/testing.md.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ingest;
pub mod publish;
mod summary;

pub use summary::{Summary, explore};

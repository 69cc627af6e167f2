//! The pipeline with real parts: Kafka, the Spanner emulator, a schema registry.
#![allow(clippy::unwrap_used)]

mod exactly_once;
mod formats;
mod lineage;
mod mistakes;
mod options;
mod schema_change;
mod snapshot;
mod topic;
mod worker;
mod world;

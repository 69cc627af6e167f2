//! The pipeline with real parts: Kafka, the Spanner emulator, a schema registry; and with a stand-in of Spanner, whose
//! change streams do what the emulator's never do.
#![allow(clippy::unwrap_used)]

mod atomic;
mod dead_letters;
mod exactly_once;
mod formats;
mod kinds;
mod ledger;
mod lineage;
mod mistakes;
mod options;
mod orders;
mod reread;
mod schema_change;
mod snapshot;
mod snapshot_keys;
mod snapshot_types;
mod state;
mod steered;
mod stream;
mod topic;
mod worker;
mod world;

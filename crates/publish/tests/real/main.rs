//! The pipeline with a real broker, the Spanner emulator and a schema registry; and with a fake Spanner, whose change
//! streams behave in ways that the emulator's never do.
#![allow(clippy::unwrap_used)]

mod altered_stream;
mod atomic;
mod column_types;
mod config_errors;
mod dead_letters;
mod exactly_once;
mod formats;
mod incremental_snapshot;
mod ledger;
mod lineage;
mod lost_state;
mod options;
mod orders_table;
mod schema_change;
mod snapshot;
mod snapshot_keys;
mod snapshot_types;
mod state_topic;
mod token_lifecycle;
mod topic;
mod worker;
mod world;

//! Both services on a real broker, emulator and registry, through what goes wrong in production.
//!
//! Each test ends with the same two invariants: Spanner equals the fold of the Kafka log, and the
//! published topics hold each change exactly once, in commit order per key.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_data;
mod bed;
mod check_ddl;
mod command_line;
mod crash;
mod doubt;
mod evolve;
mod finality;
mod frozen;
mod gap;
mod infrastructure;
mod interop;
mod invariants;
mod letters;
mod memory;
mod modes;
mod orders;
mod plan;
mod postgres;
mod replay;
mod scale;
mod snapshot;
mod status;
mod tags;
mod topics;
mod traces;
mod world;

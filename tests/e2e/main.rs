//! End-to-end tests of both services on a real broker, emulator and registry, through the failures of production.
//!
//! Most tests end with the same two invariants: Spanner equals the fold of the Kafka log, and the published topics contain
//! each change exactly once, in commit order per key. All tests share one testbed; each has a [`fixture::Fixture`] with its
//! own database, topics and configuration.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod admin_port;
mod bad_data;
mod batch_order;
mod check_ddl;
mod command_line;
mod commit_tags;
mod crash;
mod dead_letters;
mod field_inputs;
mod finality;
mod fixture;
mod frozen_worker;
mod iam_permissions;
mod in_doubt;
mod infrastructure;
mod interop;
mod invariants;
mod isolation;
mod log_end;
mod log_gap;
mod log_identity;
mod memory;
mod oauth;
mod orders;
mod plan;
mod postgres;
mod readiness;
mod registry_access;
mod reload;
mod replay;
mod rolling;
mod rotation;
mod row_modes;
mod scale;
mod schema_evolution;
mod secrets;
mod security;
mod shared_testbed;
mod shutdown;
mod snapshot;
mod status;
mod topics;
mod traces;
mod upgrade;

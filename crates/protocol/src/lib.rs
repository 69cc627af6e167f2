//! The state machines that exactly-once depends on, without I/O, clock or threads.
//!
//! [`ingest`] decides how Kafka records become Spanner commits, and [`publish`] how change stream records
//! become Kafka transactions. The services feed these state machines with inputs and carry out the effects
//! that they return. The machines take the time as an argument: "Time is an argument"
//! (docs/design/time-and-memory.md).
//!
//! ```text
//!  crates/ingest  ──inputs──▶ ingest::Worker ──WorkerEffect──▶ crates/ingest
//!  crates/publish ──inputs──▶ publish::Shard ──ShardEffect───▶ crates/publish
//! ```
//!
//! [`value`], [`mutation`] and [`table`] are the values that both work on. `guard` lists the conditions that
//! exactly-once depends on. `sim`, which exists in tests and for the crate `simulation`, runs the same code through crashes, commits of
//! unknown outcome, zombies and rebalances.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

mod guard;
pub mod ingest;
pub mod mutation;
pub mod publish;
pub mod table;
pub mod value;

#[cfg(any(test, feature = "simulation"))]
pub mod sim;

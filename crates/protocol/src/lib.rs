//! What exactly-once depends on, and nothing else: no I/O, no clock, no threads.
//!
//! [`ingest`] decides how Kafka records become Spanner commits, [`publish`] how change stream
//! records become Kafka transactions. Both are state machines: the services feed them inputs and
//! carry out the effects they answer with. The simulation in `sim` (tests only) drives the very
//! same code through crashes, doubt, zombies and rebalances.
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

#[cfg(test)]
mod sim;

//! The deterministic simulation: one seed determines a whole run, which ends with a check.
//!
//! A run has two phases. In the first one, faults happen at random: processes crash or become zombies,
//! answers are lost, and commits arrive late or twice. In the second one nothing fails, and everything must
//! come to rest. A checker then compares the outcome with a direct computation.
//!
//! ```text
//!             ┌──────────────── simulation (one seed) ────────────────┐
//!  faults ──▶ │ processes / owners ◀─effects, answers─▶ fake Spanner  │ ──▶ checker
//!             │   (the real state machines)             or fake Kafka │
//!             └───────────────────────────────────────────────────────┘
//! ```
//!
//! * `ingest`: workers, a consumer group that moves partitions, and a fake Spanner.
//! * `publish`: owners of shards, a change stream that splits and merges tokens, and a fake Kafka.
//! * `seeds`: runs all seeds, or one alone: `SPANBRIDGE_SEED=17 cargo test --workspace --lib sim`.
//! * `scenario`: all kinds of runs by name, for the crate `simulation`.
//! * `rng`: the only source of randomness.
//! * `tally`: what happened in a run.
//!
//! For each guard (`guard.rs`) a test named `without_…_the_checker_fails` disables the guard and
//! requires that some seed fails. So each rule of `docs/design` that the code depends on is exercised.

#![cfg_attr(
    not(test),
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

#[cfg(test)]
mod empty_payload;
mod ingest;
mod publish;
mod rng;
mod scenario;
#[cfg(test)]
mod seeds;
mod tally;

#[cfg(test)]
pub(crate) use empty_payload::EmptyPayload;
pub use scenario::{RunReport, Scenario};
pub use tally::Tally;

//! Ingest under crashes, commits of unknown outcome, zombies, rebalances, repeated commits and bad records.

mod fake_spanner;
mod kafka_log;
mod pipeline;
mod process;
mod simulation;

pub(super) use simulation::run;

#[cfg(test)]
mod tests;

//! Ingest under crashes, commits of unknown outcome, zombies, rebalances, repeated commits and bad records.

mod applied_records;
mod expected_rows;
mod fake_spanner;
mod kafka_log;
mod log_entry;
mod pipeline;
mod process;
mod record_payload;
mod simulation;

pub(super) use simulation::run;

#[cfg(test)]
mod tests;

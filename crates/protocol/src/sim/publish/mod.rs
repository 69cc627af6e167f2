//! Publish under crashes, commits of unknown outcome, zombies, moving shards, and tokens that split, merge and
//! drop out.

mod fake_kafka;
mod owner;
mod row_reader;
mod simulation;
mod snapshot_requests;
mod stream_history;
mod watermark_checker;

pub(super) use simulation::{
    run, run_atomic, run_atomic_with_incremental_snapshots, run_to_an_end, run_with_a_snapshot,
    run_with_incremental_snapshots,
};

#[cfg(test)]
mod tests;

//! Ingest under crashes, commits of unknown outcome, zombies, rebalances, repeated commits and bad records.

mod fake_spanner;
mod kafka_log;
mod pipeline;
mod process;
mod simulation;

use super::seeds::{assert_fails_without, run_all_seeds};
use crate::guard::Guard;

#[test]
fn spanner_equals_the_fold_of_the_log() {
    run_all_seeds(simulation::run);
}

#[test]
fn without_position_consumption_the_checker_fails() {
    assert_fails_without(Guard::PositionConsumption, "differs", simulation::run);
}

#[test]
fn without_position_revision_the_checker_fails() {
    assert_fails_without(Guard::PositionRevision, "differs", simulation::run);
}

#[test]
fn without_shared_rows_under_lock_the_checker_fails() {
    assert_fails_without(Guard::SharedRowsUnderLock, "differs", simulation::run);
}

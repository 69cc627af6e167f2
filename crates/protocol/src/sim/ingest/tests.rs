//! All seeds, and each guard.

use super::simulation;
use crate::guard::Guard;
use crate::sim::seeds::{assert_fails_without, run_all_seeds};

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
fn without_position_at_the_end_a_lag_remains() {
    assert_fails_without(Guard::PositionAtEnd, "does not come to rest", simulation::run);
}

#[test]
fn without_a_cut_at_cascades_the_checker_fails() {
    assert_fails_without(Guard::CascadeEndsBatch, "differs", simulation::run);
}

#[test]
fn without_a_cut_at_unique_indexes_the_checker_fails() {
    assert_fails_without(Guard::UniqueIndexEndsBatch, "differs", simulation::run);
}

#[test]
fn without_a_split_of_wide_reads_the_simulation_does_not_end() {
    assert_fails_without(Guard::WideReadIsSplit, "does not come to rest", simulation::run);
}

#[test]
fn without_shared_rows_under_lock_the_checker_fails() {
    assert_fails_without(Guard::SharedRowsUnderLock, "differs", simulation::run);
}

#[test]
fn without_a_comparison_of_logs_records_are_lost() {
    assert_fails_without(Guard::LogReplacedIsNoticed, "does not come to rest", simulation::run);
}

#[test]
fn without_the_first_record_a_truncation_looks_like_a_replacement() {
    assert_fails_without(Guard::FirstRecordTellsTruncation, "is applied twice", simulation::run);
}

#[test]
fn without_the_end_of_a_truncated_log_records_are_applied_twice() {
    assert_fails_without(Guard::TruncationIsNoStart, "is applied twice", simulation::run);
}

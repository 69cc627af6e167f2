//! All seeds, and each guard.

use super::simulation;
use crate::guard::Guard;
use crate::sim::seeds::{assert_fails_without, run_all_seeds};

#[test]
fn each_change_is_published_exactly_once_and_in_order_per_key() {
    run_all_seeds(simulation::run);
}

#[test]
fn each_change_up_to_the_end_is_published_exactly_once_and_none_behind_it() {
    run_all_seeds(simulation::run_to_an_end);
}

#[test]
fn each_snapshot_row_is_published_once_before_the_changes_that_it_does_not_contain() {
    run_all_seeds(simulation::run_with_a_snapshot);
}

#[test]
fn each_transaction_of_an_atomic_pipeline_is_whole_and_in_commit_order() {
    run_all_seeds(simulation::run_atomic);
}

#[test]
fn each_incremental_snapshot_row_follows_the_changes_that_it_contains() {
    run_all_seeds(simulation::run_with_incremental_snapshots);
}

#[test]
fn incremental_snapshot_rows_of_an_atomic_pipeline_split_no_transaction() {
    run_all_seeds(simulation::run_atomic_with_incremental_snapshots);
}

#[test]
fn without_fence_before_read_the_checker_fails() {
    assert_fails_without(Guard::FenceBeforeRead, "2 times", simulation::run);
}

#[test]
fn without_frontier_set_the_checker_fails() {
    assert_fails_without(Guard::FrontierSet, "2 times", simulation::run);
}

#[test]
fn without_parents_before_child_the_checker_fails() {
    assert_fails_without(Guard::ParentsBeforeChild, "out of order", simulation::run);
}

#[test]
fn without_snapshot_before_changes_the_checker_fails() {
    assert_fails_without(Guard::SnapshotBeforeChanges, "out of order", simulation::run_with_a_snapshot);
}

#[test]
fn without_two_rounds_the_checker_fails() {
    assert_fails_without(Guard::TwoRounds, "still to come", simulation::run);
}

#[test]
fn without_no_progress_across_pause_the_checker_fails() {
    assert_fails_without(Guard::NoProgressAcrossPause, "never passes", simulation::run);
}

#[test]
fn without_end_is_an_offset_the_checker_fails() {
    assert_fails_without(Guard::EndIsAnOffset, "still to come", simulation::run);
}

#[test]
fn without_transaction_counts_restart_the_checker_fails() {
    assert_fails_without(Guard::TransactionCountsRestart, "no correct transaction marker", simulation::run);
}

#[test]
fn without_every_token_has_passed_the_checker_fails() {
    assert_fails_without(Guard::EveryTokenHasPassed, "behind", simulation::run_atomic);
}

#[test]
fn without_transactions_never_split_the_checker_fails() {
    assert_fails_without(Guard::TransactionsNeverSplit, "split", simulation::run_atomic);
}

#[test]
fn without_all_shards_pause_first_the_checker_fails() {
    assert_fails_without(
        Guard::AllShardsPauseFirst,
        "out of order",
        simulation::run_with_incremental_snapshots,
    );
}

#[test]
fn without_children_of_finished_tokens_the_checker_fails() {
    assert_fails_without(
        Guard::ChildrenOfFinishedTokens,
        "out of order",
        simulation::run_with_incremental_snapshots,
    );
}

#[test]
fn without_changes_before_their_rows_the_checker_fails() {
    assert_fails_without(
        Guard::ChangesBeforeTheirRows,
        "out of order",
        simulation::run_with_incremental_snapshots,
    );
}

#[test]
fn without_rows_within_barrier_the_checker_fails() {
    assert_fails_without(
        Guard::RowsWithinBarrier,
        "out of order",
        simulation::run_with_incremental_snapshots,
    );
}

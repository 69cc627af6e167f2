//! Publish under crash, doubt, zombies, moving shards, splits, merges and drop-outs.

mod history;
mod kafka;
mod owner;
mod requests;
mod watcher;
mod world;

use super::{Guard, Rng, all_seeds, first_failure};

#[test]
fn each_change_is_published_exactly_once_and_in_order_per_key() {
    all_seeds(world::run);
}

#[test]
fn each_change_up_to_the_end_is_published_exactly_once_and_none_behind_it() {
    all_seeds(world::run_to_an_end);
}

#[test]
fn each_row_is_published_once_in_front_of_the_changes_that_it_does_not_hold() {
    all_seeds(world::run_with_a_snapshot);
}

#[test]
fn each_transaction_of_an_atomic_pipeline_is_whole_and_in_the_order_of_commits() {
    all_seeds(world::run_atomic);
}

#[test]
fn each_row_that_is_read_again_stands_behind_the_changes_that_it_holds() {
    all_seeds(world::run_with_rereads);
}

#[test]
fn rows_are_read_again_between_the_whole_transactions_of_an_atomic_pipeline() {
    all_seeds(world::run_atomic_with_rereads);
}

fn must_fail_without(guard: Guard, how: &str, run: fn(Rng) -> Result<(), String>) {
    let (seed, why) = first_failure(guard, how, run).unwrap();
    println!("seed {seed}: {why}");
}

#[test]
fn without_init_before_read_the_checker_fails() {
    must_fail_without(Guard::FenceBeforeRead, "2 times", world::run);
}

#[test]
fn without_the_set_at_the_frontier_the_checker_fails() {
    must_fail_without(Guard::FrontierSet, "2 times", world::run);
}

#[test]
fn without_all_parents_finished_the_checker_fails() {
    must_fail_without(Guard::ParentsBeforeChild, "out of order", world::run);
}

#[test]
fn without_the_snapshot_in_front_the_checker_fails() {
    must_fail_without(Guard::SnapshotBeforeChanges, "out of order", world::run_with_a_snapshot);
}

#[test]
fn without_what_a_round_has_noted_the_checker_fails() {
    must_fail_without(Guard::TwoRounds, "still to come", world::run);
}

#[test]
fn without_counting_anew_the_checker_fails() {
    must_fail_without(Guard::TransactionCountsRestart, "no right mark", world::run);
}

#[test]
fn without_waiting_for_every_token_the_checker_fails() {
    must_fail_without(Guard::EveryTokenHasPassed, "behind", world::run_atomic);
}

#[test]
fn without_keeping_transactions_whole_the_checker_fails() {
    must_fail_without(Guard::TransactionsNeverSplit, "torn", world::run_atomic);
}

#[test]
fn without_halting_first_the_checker_fails() {
    must_fail_without(Guard::AllShardsPauseFirst, "out of order", world::run_with_rereads);
}

#[test]
fn without_the_children_of_finished_tokens_the_checker_fails() {
    must_fail_without(Guard::StartedChildrenCount, "out of order", world::run_with_rereads);
}

#[test]
fn without_what_a_row_holds_in_front_of_it_the_checker_fails() {
    must_fail_without(Guard::ChangesBeforeTheirRows, "out of order", world::run_with_rereads);
}

#[test]
fn without_reading_rows_within_the_hold_the_checker_fails() {
    must_fail_without(Guard::RowsWithinBarrier, "out of order", world::run_with_rereads);
}

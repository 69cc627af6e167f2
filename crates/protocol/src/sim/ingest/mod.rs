//! Ingest under crash, doubt, zombies, rebalances, replayed commits and bad records.

mod log;
mod process;
mod spec;
mod store;
mod world;

use super::{Guard, all_seeds, first_failure};

#[test]
fn spanner_equals_the_fold_of_the_log() {
    all_seeds(world::run);
}

#[test]
fn without_the_update_of_the_position_row_the_checker_fails() {
    let (seed, why) = first_failure(Guard::PositionConsumption, "differs", world::run).unwrap();
    println!("seed {seed}: {why}");
}

#[test]
fn without_the_revision_of_a_change_in_place_the_checker_fails() {
    let (seed, why) = first_failure(Guard::PositionRevision, "differs", world::run).unwrap();
    println!("seed {seed}: {why}");
}

#[test]
fn without_locks_on_rows_that_others_write_the_checker_fails() {
    let (seed, why) = first_failure(Guard::SharedRowsUnderLock, "differs", world::run).unwrap();
    println!("seed {seed}: {why}");
}

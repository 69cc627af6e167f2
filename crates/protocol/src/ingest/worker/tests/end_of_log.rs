//! The position follows the consumer over control records and aborted records.

use super::*;

/// Commits the records of two offsets, and returns the worker with the marker behind them reached.
fn worker_at_marker() -> (TestWorker, Partition, u64) {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 0, log(0, 3));
    worker.add(&p, generation, &[0, 1]);
    worker.reach_end(&p, generation, 3);
    let commit = worker.commit();
    assert_eq!(step(&commit), (0, 2), "records go before the end");
    worker.end(&commit, COMMITTED);
    (worker, p, generation)
}

#[test]
fn position_moves_over_the_marker_once_its_records_are_committed() {
    let (mut worker, p, generation) = worker_at_marker();
    let effects = worker.effects();
    let [WorkerEffect::CommitGroupOffset { next: 2, .. }, WorkerEffect::Commit(commit)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((step(commit), commit.records), ((2, 3), 0));
    assert_eq!(commit.mutations.len(), 3, "the move consumes the position: {:?}", commit.mutations);
    assert!(worker.worker.is_committing(std::slice::from_ref(&p)) && !worker.worker.is_idle());
    worker.end(commit, COMMITTED);
    assert_eq!(worker.effect(), WorkerEffect::CommitGroupOffset { partition: p.clone(), next: 3 });
    assert!(worker.worker.is_idle() && worker.worker.deadline().is_none());
    worker.add(&p, generation, &[3]);
    assert_eq!(step(&worker.commit()), (3, 4));
}

/// Retention removes the marker of an idle log. The stored position has followed it before.
#[test]
fn marker_that_retention_deletes_is_not_a_gap() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 100, log(0, 101));
    worker.reach_end(&p, generation, 101);
    let commit = worker.commit();
    assert_eq!(step(&commit), (100, 101));
    worker.end(&commit, COMMITTED);
    worker.effects();
    let mut restarted = TestWorker::new(OnGap::Stop);
    restarted.fetch(&p, commit.moves[0].to.next, log(101, 101));
}

#[test]
fn records_wait_for_the_move_of_their_partition() {
    let (mut worker, p, generation) = worker_at_marker();
    let Some(WorkerEffect::Commit(end_move)) = worker.effects().pop() else { panic!("the move") };
    let q = partition(1);
    let other = worker.assign(&q);
    worker.worker.apply_position(&q, other, stored(position(7)), log(0, 9));
    worker.effects();
    worker.add(&p, generation, &[3]);
    assert_eq!(worker.effects(), []);
    worker.add(&q, other, &[7]);
    assert_eq!(step(&worker.commit()), (7, 8), "another partition does not wait");
    worker.end(&end_move, COMMITTED);
    let effects = worker.effects();
    assert!(
        matches!(&effects[..], [_, WorkerEffect::Commit(commit)] if step(commit) == (3, 4)),
        "{effects:?}"
    );
}

#[test]
fn moves_of_a_partition_keep_an_interval() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 0, log(0, 1));
    worker.reach_end(&p, generation, 1);
    let commit = worker.commit();
    worker.end(&commit, COMMITTED);
    worker.effects();
    for end in [3, 5] {
        worker.now += END_INTERVAL / 4;
        worker.reach_end(&p, generation, end);
    }
    assert_eq!(worker.effects(), []);
    assert_eq!(worker.worker.deadline(), Some(END_INTERVAL));
    worker.now = END_INTERVAL;
    worker.worker.start_due_commits(worker.now);
    assert_eq!(step(&worker.commit()), (1, 5));
    assert_eq!(worker.worker.deadline(), None);
}

#[test]
fn partitions_at_their_end_share_a_commit() {
    let (mut worker, p, q) = (TestWorker::new(OnGap::Stop), partition(0), partition(1));
    let one = worker.fetch(&p, 0, log(0, 1));
    let other = worker.fetch(&q, 0, log(0, 1));
    worker.reach_end(&p, one, 1);
    let first = worker.commit();
    worker.reach_end(&q, other, 1);
    assert_eq!(worker.effects(), [], "one of these commits is in flight at a time");
    worker.now += END_INTERVAL;
    worker.reach_end(&p, one, 2);
    worker.end(&first, COMMITTED);
    let effects = worker.effects();
    let Some(WorkerEffect::Commit(second)) = effects.last() else { panic!("{effects:?}") };
    let moves: Vec<_> =
        second.moves.iter().map(|it| (it.partition.number, it.from.next, it.to.next)).collect();
    assert_eq!(moves, [(0, 1, 2), (1, 0, 1)]);
}

#[test]
fn revocation_commits_an_end_that_waits() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 0, log(0, 1));
    worker.reach_end(&p, generation, 1);
    let first = worker.commit();
    worker.end(&first, COMMITTED);
    worker.effects();
    worker.reach_end(&p, generation, 2);
    assert_eq!(worker.effects(), [], "the interval is not over");
    worker.worker.revoke(std::slice::from_ref(&p));
    let last = worker.commit();
    assert_eq!(step(&last), (1, 2));
    assert!(worker.worker.is_committing(std::slice::from_ref(&p)));
    worker.end(&last, COMMITTED);
    assert_eq!(worker.effect(), WorkerEffect::CommitGroupOffset { partition: p.clone(), next: 2 });
    assert!(!worker.worker.is_committing(&[p]));
}

#[test]
fn revocation_leaves_an_end_behind_records_that_wait() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 0, log(0, 3));
    worker.add(&p, generation, &[0, 1]);
    let commit = worker.commit();
    worker.reach_end(&p, generation, 3);
    worker.worker.revoke(std::slice::from_ref(&p));
    assert_eq!(worker.effects(), []);
    worker.end(&commit, COMMITTED);
    assert_eq!(worker.effects(), []);
}

#[test]
fn fenced_or_uncertain_move_restarts_from_the_stored_position() {
    let fenced = Outcome::Fenced(crate::ingest::Failure::new("SB-SPANNER-NOT-FOUND", "no row"));
    for outcome in [fenced, Outcome::InDoubt] {
        let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
        let generation = worker.fetch(&p, 0, log(0, 1));
        worker.reach_end(&p, generation, 1);
        let commit = worker.commit();
        worker.end(&commit, outcome);
        let next = worker.read_position(&p);
        assert!(next > generation);
        worker.reach_end(&p, generation, 1);
        assert_eq!(worker.effects(), [], "an end of an older generation is ignored");
    }
}

#[test]
fn aborted_move_is_repeated_after_the_interval() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.fetch(&p, 0, log(0, 1));
    worker.reach_end(&p, generation, 1);
    let commit = worker.commit();
    worker.end(&commit, Outcome::Aborted);
    assert_eq!(worker.effects(), []);
    worker.now = worker.worker.deadline().unwrap();
    worker.worker.start_due_commits(worker.now);
    assert_eq!(step(&worker.commit()), (0, 1));
}

#[test]
fn end_that_is_not_past_the_position_moves_nothing() {
    let (mut worker, p, generation) = worker_at_marker();
    worker.effects();
    for end in [0, 1, 3] {
        worker.reach_end(&p, generation, end);
    }
    assert_eq!(worker.effects(), []);
}

//! A position recognises the log that it belongs to.

use super::*;
use crate::ingest::{
    Digest, Fingerprint, Gap, GapKind, LogMismatch, LogMismatchKind, PartitionStop, StopReason,
    TABLE_PARTITIONS, TABLE_POSITIONS,
};
use crate::mutation::{Mutation, Write};
use crate::value::Value;

const SAME: Option<Digest> = Some(Digest([1; 16]));
const OTHER: Option<Digest> = Some(Digest([2; 16]));

fn fingerprint(offset: Offset) -> Fingerprint {
    Fingerprint { offset, digest: Digest([1; 16]) }
}

/// The rows of a partition that has applied the records from offset 3 to the one before `next`.
fn applied_until(next: Offset) -> StoredPartition {
    StoredPartition::Registered {
        position: Position { last_record: Some(fingerprint(next - 1)), ..position(next) },
        registration: Registration { start: Some(0), first_record: Some(fingerprint(3)) },
    }
}

/// Assigns a partition with these rows, and answers each request for a digest. Returns the first other effects.
fn locate(
    on_gap: OnGap,
    rows: StoredPartition,
    log: LogRange,
    digest: impl Fn(Offset) -> Option<Digest>,
) -> (Vec<Offset>, Vec<WorkerEffect>) {
    let (mut worker, p) = (TestWorker::new(on_gap), partition(0));
    let generation = worker.assign(&p);
    worker.worker.apply_position(&p, generation, rows, log);
    let mut compared = Vec::new();
    loop {
        match &worker.effects()[..] {
            [WorkerEffect::ReadDigest { offset, .. }] => {
                compared.push(*offset);
                worker.worker.apply_digest(&p, generation, *offset, digest(*offset));
            }
            other => return (compared, other.to_vec()),
        }
    }
}

fn fetched(effects: &[WorkerEffect]) -> Offset {
    let [WorkerEffect::Fetch { offset, .. }] = effects else { panic!("{effects:?}") };
    *offset
}

fn mismatch(effects: &[WorkerEffect]) -> LogMismatchKind {
    let [WorkerEffect::StopFetch { .. }, WorkerEffect::ReportStop(PartitionStop { reason, .. })] = effects
    else {
        panic!("{effects:?}")
    };
    let StopReason::Log(LogMismatch { kind, .. }) = reason else { panic!("{reason}") };
    *kind
}

fn skipped(effects: &[WorkerEffect]) -> (Gap, &[Mutation]) {
    let [WorkerEffect::CommitPosition { gap: Some(gap), mutations, .. }] = effects else {
        panic!("{effects:?}")
    };
    (*gap, mutations)
}

#[test]
fn unchanged_last_record_is_the_only_one_that_is_compared() {
    let (compared, effects) = locate(OnGap::Stop, applied_until(500), log(0, 10_000), |_| SAME);
    assert_eq!((compared, fetched(&effects)), (vec![499], 500));
}

#[test]
fn record_that_is_no_longer_in_the_log_tells_nothing() {
    let (compared, effects) = locate(OnGap::Stop, applied_until(500), log(0, 10_000), |_| None);
    assert_eq!((compared, fetched(&effects)), (vec![499, 3], 500), "both were compacted");
    let (compared, effects) = locate(OnGap::Stop, applied_until(500), log(500, 500), |_| OTHER);
    assert_eq!((compared, fetched(&effects)), (vec![], 500), "retention has emptied the log");
}

#[test]
fn position_without_fingerprints_is_not_compared() {
    let (compared, effects) = locate(OnGap::Stop, stored(position(500)), log(0, 10_000), |_| OTHER);
    assert_eq!((compared, fetched(&effects)), (vec![], 500));
}

/// The topic was deleted and created again, and has already more records than the position.
#[test]
fn replaced_log_that_has_grown_past_the_position_is_noticed() {
    let (compared, effects) = locate(OnGap::Stop, applied_until(500), log(0, 10_000), |_| OTHER);
    assert_eq!((compared, mismatch(&effects)), (vec![499, 3], LogMismatchKind::Replaced));
    let (_, effects) = locate(OnGap::Skip, applied_until(500), log(0, 10_000), |_| OTHER);
    let (gap, mutations) = skipped(&effects);
    assert_eq!(gap, Gap { kind: GapKind::Replaced, from: 500, to: 0 });
    let registration = mutations.iter().find(|it| &*it.table == TABLE_PARTITIONS).unwrap();
    assert_eq!(registration.rows[0][3..], [Value::from(0), Value::Null, Value::Null]);
}

/// An unclean election has truncated ten records.
#[test]
fn skip_after_a_truncation_continues_at_the_end() {
    let (_, effects) = locate(OnGap::Skip, applied_until(1000), log(0, 990), |_| SAME);
    let (gap, mutations) = skipped(&effects);
    assert_eq!(gap, Gap { kind: GapKind::Truncated, from: 1000, to: 990 });
    let is_insert = |it: &&Mutation| it.write == Write::Insert && &*it.table == TABLE_POSITIONS;
    let row = &mutations.iter().find(is_insert).unwrap().rows[0];
    assert_eq!(row[3..5], [Value::from(990), Value::from(1)]);
    assert_eq!(row[7..], [Value::Null, Value::Null], "the last record is no longer in the log");
    assert!(!mutations.iter().any(|it| &*it.table == TABLE_PARTITIONS), "the first record still is");
    let (_, effects) = locate(OnGap::Stop, applied_until(1000), log(0, 990), |_| SAME);
    assert_eq!(mismatch(&effects), LogMismatchKind::Truncated);
}

#[test]
fn shorter_log_with_other_records_is_a_replaced_one() {
    let (_, effects) = locate(OnGap::Stop, applied_until(1000), log(0, 10), |_| OTHER);
    assert_eq!(mismatch(&effects), LogMismatchKind::Replaced);
    let (_, effects) = locate(OnGap::Skip, applied_until(1000), log(0, 10), |_| OTHER);
    assert_eq!(skipped(&effects).0, Gap { kind: GapKind::Replaced, from: 1000, to: 0 });
}

#[test]
fn log_that_tells_nothing_stops_a_partition_that_skips() {
    for shorter in [log(0, 0), log(0, 2), log(900, 990)] {
        for rows in [applied_until(1000), stored(position(1000))] {
            let (compared, effects) = locate(OnGap::Skip, rows, shorter, |_| OTHER);
            assert_eq!((compared, mismatch(&effects)), (vec![], LogMismatchKind::TruncatedOrReplaced));
        }
    }
}

#[test]
fn truncated_log_that_has_grown_again_stops_a_partition_that_skips() {
    let first_is_same = |offset| if offset == 3 { SAME } else { OTHER };
    let (_, effects) = locate(OnGap::Skip, applied_until(1000), log(0, 2000), first_is_same);
    assert_eq!(mismatch(&effects), LogMismatchKind::TruncatedAndGrown);
    let (_, effects) = locate(OnGap::Skip, applied_until(1000), log(700, 2000), |_| OTHER);
    assert_eq!(mismatch(&effects), LogMismatchKind::ReplacedOrTruncated, "the first record has expired");
}

#[test]
fn expired_log_is_a_gap() {
    let (compared, effects) = locate(OnGap::Stop, applied_until(100), log(150, 300), |_| OTHER);
    assert_eq!((compared, mismatch(&effects)), (vec![], LogMismatchKind::Expired));
    let (_, effects) = locate(OnGap::Skip, applied_until(100), log(150, 300), |_| OTHER);
    assert_eq!(skipped(&effects).0, Gap { kind: GapKind::Expired, from: 100, to: 150 });
}

#[test]
fn first_commit_stores_the_first_record_and_each_the_last() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.assign(&p);
    let registration = Registration { start: Some(5), first_record: None };
    let rows = StoredPartition::Registered { position: position(5), registration };
    worker.worker.apply_position(&p, generation, rows, log(5, 100));
    worker.effects();
    worker.add(&p, generation, &[7, 9]);
    let commit = worker.commit();
    let zeros = |offset| Fingerprint { offset, digest: Digest::default() };
    assert_eq!(commit.moves[0].to.last_record, Some(zeros(9)));
    assert_eq!(commit.moves[0].first_record, Some(zeros(7)));
    let parent = commit.mutations.iter().find(|it| &*it.table == TABLE_PARTITIONS).unwrap();
    assert_eq!((parent.write, &parent.rows[0][3..5]), (Write::Update, &[5.into(), 7.into()][..]));
    worker.end(&commit, COMMITTED);
    worker.effects();
    worker.add(&p, generation, &[10]);
    let commit = worker.commit();
    assert_eq!((commit.moves[0].to.last_record, commit.moves[0].first_record), (Some(zeros(10)), None));
    worker.end(&commit, COMMITTED);
    worker.effects();
    worker.reach_end(&p, generation, 12);
    assert_eq!(worker.commit().moves[0].to.last_record, Some(zeros(10)), "a control record is no record");
}

/// An operator has deleted the position. The row of the partition is still there.
#[test]
fn deleted_position_stops_the_partition() {
    let (_, effects) = locate(OnGap::Skip, StoredPartition::WithoutPosition, log(0, 10), |_| SAME);
    assert!(
        matches!(
            &effects[..],
            [_, WorkerEffect::ReportStop(PartitionStop { reason: StopReason::PositionMissing, .. })]
        ),
        "{effects:?}"
    );
}

/// Both workers read before either has registered the partition.
#[test]
fn loser_of_a_registration_reads_the_position_of_the_other() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let generation = worker.assign(&p);
    worker.worker.apply_position(&p, generation, StoredPartition::Unregistered, log(0, 10));
    assert!(matches!(worker.effect(), WorkerEffect::CommitPosition { gap: None, .. }));
    worker.worker.end_position_commit(&p, generation);
    assert_eq!(worker.read_position(&p), generation);
    let registration = Registration { start: Some(4), first_record: None };
    let rows = StoredPartition::Registered { position: position(4), registration };
    worker.worker.apply_position(&p, generation, rows, log(0, 10));
    assert_eq!(fetched(&worker.effects()), 4);
}

#[test]
fn digest_of_an_older_generation_is_ignored() {
    let (mut worker, p) = (TestWorker::new(OnGap::Stop), partition(0));
    let old = worker.assign(&p);
    worker.worker.apply_position(&p, old, applied_until(500), log(0, 10_000));
    assert!(matches!(worker.effect(), WorkerEffect::ReadDigest { offset: 499, .. }));
    worker.worker.restart(&p, old);
    worker.read_position(&p);
    worker.worker.apply_digest(&p, old, 499, OTHER);
    assert_eq!(worker.effects(), []);
}

//! Tests of the records that share a commit, and of the ranges that a batch reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;

use super::super::aggregate::{AggregateFunction, AggregateInput};
use super::super::change::{
    Change, GroupTarget, KeyRange, LatePolicy, RowTarget, Spec, Target, TargetKind, Window, WindowKind,
};
use super::super::constraints::{CascadeRelation, UniqueIndex};
use super::super::position::Partition;
use super::super::record::{PendingRecord, Record};
use super::super::state_cache::StateCache;
use super::super::window::{LAST, WindowSize};
use super::{FoldResult, StoredStates, fold};
use crate::mutation::Write;
use crate::sim::EmptyPayload;
use crate::value::{Timestamp, Value};

const PARENT: usize = 0;
const CHILD: usize = 1;
const TOTAL: usize = 2;

fn target(table: &str, columns: &[&str], key: usize, kind: TargetKind) -> Target {
    Target {
        table: table.into(),
        columns: columns.iter().map(ToString::to_string).collect(),
        key: (0..key).collect(),
        kind,
        locking: false,
    }
}

fn rows(write: Write) -> TargetKind {
    TargetKind::Rows(RowTarget { write, version: None })
}

/// Parents, children with a code, and totals.
fn family(cascades: Vec<CascadeRelation>, unique_indexes: Vec<UniqueIndex>) -> Spec {
    let counts = TargetKind::Groups(GroupTarget { functions: vec![AggregateFunction::Count], window: None });
    let targets = vec![
        target("Parent", &["P", "V"], 1, rows(Write::Upsert)),
        target("Child", &["P", "C", "Code"], 2, rows(Write::Upsert)),
        target("Total", &["P", "T", "Count"], 2, counts),
        target("child", &["P", "C", "Note"], 2, rows(Write::Upsert)),
    ];
    Spec::new("p".into(), targets).with_constraints(cascades, unique_indexes)
}

fn below_parent(descendant: usize, shared_key: usize) -> CascadeRelation {
    CascadeRelation { ancestor: PARENT, descendant, shared_key }
}

fn parent(p: i64) -> Change {
    Change::Row { target: PARENT, row: vec![p.into(), 0.into()] }
}

fn drop_parent(p: i64) -> Change {
    Change::Delete { target: PARENT, key: vec![p.into()], version: None }
}

fn child(p: i64, c: i64) -> Change {
    coded(p, c, Value::from(100 * p + c))
}

fn coded(p: i64, c: i64, code: impl Into<Value>) -> Change {
    Change::Row { target: CHILD, row: vec![p.into(), c.into(), code.into()] }
}

fn drop_child(p: i64, c: i64) -> Change {
    Change::Delete { target: CHILD, key: vec![p.into(), c.into()], version: None }
}

fn total(p: i64) -> Change {
    Change::Group {
        target: TOTAL,
        key: vec![p.into(), 0.into()],
        at: None,
        inputs: vec![AggregateInput::Record],
    }
}

fn partition() -> Partition {
    Partition { topic: Arc::from("t"), number: 0 }
}

fn batch(changes: Vec<Change>) -> Vec<PendingRecord<EmptyPayload>> {
    let record = |(offset, change)| {
        let record = Record { offset, changes: Ok(vec![change]), payload: EmptyPayload, size: 1 };
        PendingRecord::new(&partition(), 0, record, false, Duration::ZERO)
    };
    (0..).zip(changes).map(record).collect()
}

/// Folds records, each with one change, of which nothing is stored.
fn folded(spec: &Spec, changes: Vec<Change>) -> FoldResult {
    let batch = batch(changes);
    let (mut known, missing) = StoredStates::look_up(spec, &batch, &mut StateCache::new(0), &BTreeMap::new());
    known.add_read(missing, Vec::new());
    fold(spec, &batch, &known, BTreeMap::new())
}

/// Returns how many of the records, each with one change, share the first commit.
fn taken(spec: &Spec, changes: Vec<Change>) -> usize {
    folded(spec, changes).taken
}

#[test]
fn parents_delete_ends_the_batch_behind_its_childrens_writes() {
    let interleaved = family(vec![below_parent(CHILD, 1), below_parent(TOTAL, 1)], Vec::new());
    assert_eq!(taken(&interleaved, vec![parent(1), child(1, 1), drop_parent(1), parent(1)]), 2);
    assert_eq!(taken(&interleaved, vec![total(1), drop_parent(1)]), 1);
    // Other parents, and deleted children, do not matter.
    assert_eq!(taken(&interleaved, vec![child(1, 1), drop_parent(2), drop_child(1, 2), drop_parent(3)]), 4);
    assert_eq!(taken(&interleaved, vec![child(1, 1), drop_child(1, 1), parent(1)]), 3);
    // Deletes go first in a commit anyway.
    assert_eq!(taken(&interleaved, vec![drop_parent(1), parent(1), child(1, 1)]), 3);
    let unrelated = family(Vec::new(), Vec::new());
    assert_eq!(taken(&unrelated, vec![parent(1), child(1, 1), drop_parent(1), parent(1)]), 4);
}

#[test]
fn delete_over_a_foreign_key_may_concern_every_row() {
    let foreign_key = family(vec![below_parent(CHILD, 0)], Vec::new());
    assert_eq!(taken(&foreign_key, vec![child(1, 1), drop_parent(2), child(1, 2)]), 1);
}

#[test]
fn state_that_a_cascade_may_have_deleted_is_read_again() {
    let spec = family(vec![below_parent(CHILD, 1), below_parent(TOTAL, 1)], Vec::new());
    assert_eq!(taken(&spec, vec![drop_parent(1), total(2), total(1)]), 2);
    let locking: Vec<bool> = spec.targets.iter().map(|target| target.locking).collect();
    assert_eq!(locking, [false, false, true, false]);
}

#[test]
fn unique_index_ends_the_batch_where_the_order_decides() {
    let spec = family(Vec::new(), vec![UniqueIndex { target: CHILD, columns: vec![2] }]);
    // A delete goes before the writes and would free a value that the write of another row found taken.
    assert_eq!(taken(&spec, vec![coded(1, 1, 7), drop_child(1, 2)]), 1);
    // A later change of the same row would hide that its value was taken.
    assert_eq!(taken(&spec, vec![coded(1, 1, 7), drop_child(1, 1)]), 1);
    assert_eq!(taken(&spec, vec![coded(1, 1, 7), coded(1, 1, 7), coded(1, 1, 8)]), 2);
    assert_eq!(taken(&spec, vec![drop_child(1, 2), coded(1, 1, 7), coded(1, 2, 8)]), 3);
    // A later write of the first row would hide that both had the value.
    assert_eq!(taken(&spec, vec![coded(1, 1, 7), coded(1, 2, 7), coded(1, 1, 8)]), 2);
    assert_eq!(taken(&spec, vec![coded(1, 1, Value::Null), coded(1, 1, 7)]), 1);
    // A value moves between rows.
    assert_eq!(taken(&spec, vec![coded(1, 1, 8), coded(1, 2, 7), coded(1, 1, 8)]), 3);
    // A cascade frees values of rows below other parents.
    let below = family(vec![below_parent(CHILD, 1)], vec![UniqueIndex { target: CHILD, columns: vec![2] }]);
    assert_eq!(taken(&below, vec![coded(1, 1, 7), drop_parent(2)]), 1);
    // The writes of two targets are not in the order of their records.
    let noted = Change::Row { target: 3, row: vec![1.into(), 2.into(), 0.into()] };
    assert_eq!(taken(&spec, vec![coded(1, 1, 7), noted]), 1);
}

#[test]
fn row_with_a_unique_value_keeps_the_place_of_its_first_write() {
    let changes = || vec![coded(1, 1, 7), coded(1, 2, 8), coded(1, 1, 7)];
    let rows = |unique_indexes| {
        let mut mutations = folded(&family(Vec::new(), unique_indexes), changes()).mutations;
        mutations.remove(0).rows
    };
    let (first, second) = (vec![1.into(), 1.into(), 7.into()], vec![1.into(), 2.into(), 8.into()]);
    let unique = UniqueIndex { target: CHILD, columns: vec![2] };
    assert_eq!(rows(vec![unique]), [first.clone(), second.clone()]);
    assert_eq!(rows(Vec::new()), [second, first]);
}

fn second(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// Returns the ranges to read for records of one group at these seconds.
fn ranges(kind: WindowKind, late: LatePolicy, stream_time: Option<i64>, times: &[i64]) -> Vec<KeyRange> {
    let window = Window { kind, at: 1, late, grace: Duration::ZERO };
    let kind =
        TargetKind::Groups(GroupTarget { functions: vec![AggregateFunction::Count], window: Some(window) });
    let spec = Spec::new("p".into(), vec![target("W", &["G", "B", "O", "N"], 2, kind)]);
    let record = |&at: &i64| Change::Group {
        target: 0,
        key: vec![0.into()],
        at: Some(second(at)),
        inputs: vec![AggregateInput::Record],
    };
    let batch = batch(times.iter().map(record).collect());
    let stream_times = stream_time.map(|time| (partition(), second(time))).into_iter().collect();
    StoredStates::look_up(&spec, &batch, &mut StateCache::new(0), &stream_times).1.ranges
}

#[test]
fn one_far_event_time_reads_only_the_windows_near_it() {
    let minute = WindowSize::new(Duration::from_secs(60)).unwrap();
    let now = 1_790_000_000;
    for kind in [WindowKind::Sliding(minute), WindowKind::Session(minute)] {
        let found = ranges(kind, LatePolicy::Update, Some(now), &[now, 0, now + 1]);
        let [far, near] = &found[..] else { panic!("{found:?}") };
        assert!(far.from >= second(-200) && far.to <= second(200), "{kind:?}: {far:?}");
        assert!(near.from >= second(now - 200), "{kind:?}: {near:?}");
        let is_session = matches!(kind, WindowKind::Session(_));
        assert_eq!((far.and_next, near.and_next), (is_session, false));
        assert_eq!(near.to == LAST, is_session);
        // The far record alone.
        let found = ranges(kind, LatePolicy::Update, Some(now), &[0]);
        assert!(
            found.len() == 1 && found[0].to <= second(200) && found[0].and_next == is_session,
            "{found:?}"
        );
    }
    assert_eq!(ranges(WindowKind::Sliding(minute), LatePolicy::Drop, Some(now), &[0]), []);
    assert_eq!(ranges(WindowKind::Sliding(minute), LatePolicy::DeadLetter, Some(now), &[0, now]).len(), 1);
    assert_eq!(ranges(WindowKind::Sliding(minute), LatePolicy::Drop, None, &[0]).len(), 1);
}

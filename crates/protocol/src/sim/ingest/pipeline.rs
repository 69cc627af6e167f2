//! The pipeline of the simulation, which has a table for each way to write.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::ingest::{
    AggregateFunction, CascadeRelation, GroupTarget, LatePolicy, RowTarget, Spec, Target, TargetKind,
    UniqueIndex, Window, WindowKind, WindowSize,
};
use crate::mutation::Write;

pub(super) const ROWS: usize = 0;
pub(super) const GROUPS: usize = 1;
pub(super) const SHARED: usize = 2;
pub(super) const NEWEST: usize = 3;
pub(super) const INSERTED: usize = 4;
/// This target writes the same table as [`ROWS`].
pub(super) const UPDATED: usize = 5;
pub(super) const SESSIONS: usize = 6;
pub(super) const SHARED_SESSIONS: usize = 7;
pub(super) const SLIDES: usize = 8;
pub(super) const SHARED_SLIDES: usize = 9;
pub(super) const PARENTS: usize = 10;
/// The table of this target is interleaved in that of [`PARENTS`], with ON DELETE CASCADE.
pub(super) const CHILDREN: usize = 11;
/// The aggregates of this target are interleaved in the table of [`PARENTS`] as well.
pub(super) const TOTALS: usize = 12;
/// The table of this target is interleaved as well, and has a unique index over the partition and the code.
pub(super) const CODES: usize = 13;

/// The size of tumbling windows in seconds.
pub(super) const WINDOW: i64 = 60;
/// The grace period of tumbling windows in seconds.
pub(super) const GRACE: i64 = 20;
/// The inactivity gap of sessions in seconds.
pub(super) const GAP: i64 = 15;
/// The size of sliding windows in seconds.
pub(super) const SLIDE: i64 = 12;

pub(super) fn spec() -> Arc<Spec> {
    static SPEC: LazyLock<Arc<Spec>> = LazyLock::new(|| Arc::new(build_spec()));
    SPEC.clone()
}

fn build_spec() -> Spec {
    let rows = |write| TargetKind::Rows(RowTarget { write, version: None });
    let row = ["Group", "SourcePartition", "Offset", "Flaw"];
    let window = Window {
        kind: WindowKind::Tumbling(seconds(WINDOW)),
        at: 2,
        late: LatePolicy::Drop,
        grace: Duration::from_secs(GRACE as u64),
    };
    let groups = GroupTarget {
        functions: vec![AggregateFunction::Count, AggregateFunction::Sum, AggregateFunction::Max],
        window: Some(window),
    };
    let ranged = |kind, at| {
        let window = Window { kind, at, late: LatePolicy::Update, grace: Duration::ZERO };
        TargetKind::Groups(GroupTarget {
            functions: vec![AggregateFunction::Count, AggregateFunction::Sum],
            window: Some(window),
        })
    };
    let session = WindowKind::Session(seconds(GAP));
    let slide = WindowKind::Sliding(seconds(SLIDE));
    let shared =
        GroupTarget { functions: vec![AggregateFunction::Count, AggregateFunction::Sum], window: None };
    let totals = shared.clone();
    let target = |table: &str, columns: &[&str], key: usize, kind, locking| Target {
        table: table.into(),
        columns: columns.iter().map(ToString::to_string).collect(),
        key: (0..key).collect(),
        kind,
        locking,
    };
    let targets = vec![
        target("Rows", &row, 2, rows(Write::Upsert), false),
        target(
            "Groups",
            &["Group", "SourcePartition", "WindowStart", "Count", "Sum", "Max"],
            3,
            TargetKind::Groups(groups),
            false,
        ),
        target("Shared", &["Group", "Count", "Sum"], 1, TargetKind::Groups(shared), true),
        target(
            "Newest",
            &["Group", "Version", "Offset"],
            1,
            TargetKind::Rows(RowTarget { write: Write::Upsert, version: Some(1) }),
            true,
        ),
        target("Inserted", &row, 2, rows(Write::Insert), false),
        target("Rows", &row, 2, rows(Write::Update), false),
        target(
            "Sessions",
            &["Group", "SourcePartition", "WindowEnd", "WindowStart", "Count", "Sum"],
            3,
            ranged(session, 2),
            false,
        ),
        target(
            "SharedSessions",
            &["Group", "WindowEnd", "WindowStart", "Count", "Sum"],
            2,
            ranged(session, 1),
            true,
        ),
        target(
            "Slides",
            &["Group", "SourcePartition", "WindowStart", "WindowLatest", "Count", "Sum"],
            3,
            ranged(slide, 2),
            false,
        ),
        target(
            "SharedSlides",
            &["Group", "WindowStart", "WindowLatest", "Count", "Sum"],
            2,
            ranged(slide, 1),
            true,
        ),
        target("Parents", &["Group", "SourcePartition", "Offset"], 2, rows(Write::Upsert), false),
        target("Children", &["Group", "SourcePartition", "Member", "Offset"], 3, rows(Write::Upsert), false),
        target(
            "Totals",
            &["Group", "SourcePartition", "Member", "Count", "Sum"],
            3,
            TargetKind::Groups(totals),
            false,
        ),
        target("Codes", &["Group", "SourcePartition", "Code"], 2, rows(Write::Upsert), false),
    ];
    let below_parents = |descendant| CascadeRelation { ancestor: PARENTS, descendant, shared_key: 2 };
    let codes = UniqueIndex { target: CODES, columns: vec![1, 2] };
    Spec::new("p".into(), targets)
        .with_constraints([CHILDREN, TOTALS, CODES].map(below_parents).into(), vec![codes])
}

fn seconds(seconds: i64) -> WindowSize {
    WindowSize::new(Duration::from_secs(seconds as u64)).unwrap()
}

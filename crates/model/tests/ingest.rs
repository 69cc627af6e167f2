//! The position row: the invariants hold within the bounds, and each rule is needed.

use model::explore;
use model::ingest::{BOUNDS, Bounds, Flaw, Ingest, Notice, REGROWN_LOG, Replacement};

#[test]
fn each_record_is_applied_once_in_order() {
    for bounds in BOUNDS {
        let summary = explore(Ingest::new(Flaw::None, bounds));
        println!("{bounds:?}: {summary}");
        assert_eq!(summary.violation, None, "{bounds:?}");
        assert!(summary.unreached.is_empty(), "{bounds:?}: {summary}");
    }
}

#[test]
fn each_rule_is_needed() {
    let [duplicates, _, expiry, _, replacement, _] = BOUNDS;
    for (flaw, bounds) in [
        (Flaw::PositionNotConsumed, duplicates),
        (Flaw::NoParentRow, expiry),
        (Flaw::NoRevision, replacement),
        (Flaw::NoFingerprint, REGROWN_LOG),
        (Flaw::DoubtIsSuccess, Bounds { duplicates: 0, ..duplicates }),
    ] {
        let summary = explore(Ingest::new(flaw, bounds));
        println!("{flaw:?}: {summary}");
        assert!(summary.violation.is_some(), "{flaw:?}: {summary}");
    }
}

fn regrown_log(notice: Notice, skips: bool) -> Bounds {
    Bounds { replacement: Some(Replacement { offsets: 4, min_applied: 0, notice, skips }), ..REGROWN_LOG }
}

#[test]
fn regrown_log_stops_both_workers() {
    let summary = explore(Ingest::new(Flaw::None, regrown_log(Notice::SinceComparison, false)));
    println!("{summary}");
    assert_eq!(summary.violation, None);
    assert!(summary.unreached.is_empty(), "{summary}");
}

/// A known limit: a worker compares the log before it fetches, not while it does.
#[test]
fn replacement_without_a_fetch_error_is_not_noticed() {
    for notice in [Notice::SinceFirstFetch, Notice::Never] {
        let summary = explore(Ingest::new(Flaw::None, regrown_log(notice, true)));
        println!("{notice:?}: {summary}");
        assert!(summary.violation.is_some(), "{notice:?}: {summary}");
    }
}

/// A known limit: a partition that has applied no record has no fingerprint. One that has reads the start of the
/// log before the records.
#[test]
fn log_that_starts_before_the_first_position_is_not_read_from_its_start() {
    for min_applied in [0, 1] {
        let (offsets, notice) = (4, Notice::SinceComparison);
        let replacement = Some(Replacement { offsets, min_applied, notice, skips: true });
        let summary = explore(Ingest::new(Flaw::None, Bounds { expiries: 1, replacement, ..REGROWN_LOG }));
        println!("{min_applied}: {summary}");
        assert!(summary.violation.is_some(), "{min_applied}: {summary}");
    }
}

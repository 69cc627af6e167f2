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

/// A worker may compare the records of the new log after it has read the range of the old one.
#[test]
fn new_log_is_read_from_its_start_although_the_old_one_had_expired() {
    let summary = explore(Ingest::new(Flaw::None, expired_log(1)));
    println!("{summary}");
    assert_eq!(summary.violation, None);
}

/// A known limit: a partition that has applied no record has no fingerprint.
#[test]
fn new_log_without_a_fingerprint_of_the_old_one_is_not_noticed() {
    let summary = explore(Ingest::new(Flaw::None, expired_log(0)));
    println!("{summary}");
    assert!(summary.violation.is_some(), "{summary}");
}

/// A log that expires, and is replaced after this number of applied records.
fn expired_log(min_applied: usize) -> Bounds {
    let replacement = Replacement { offsets: 3, min_applied, notice: Notice::SinceComparison, skips: true };
    Bounds { expiries: 1, replacement: Some(replacement), ..REGROWN_LOG }
}

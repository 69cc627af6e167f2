//! Transactions: the invariants hold within the bounds, and each rule is needed.

use model::explore;
use model::publish::{BOUNDS, EXACTLY_ONCE, Flaw, NOT_LOST, NOT_TORN, Publish};

fn with(flaw: Flaw, verifies_partitions: bool, only: Option<&'static str>) -> Publish {
    Publish { flaw, bounds: BOUNDS[0], verifies_partitions, only }
}

#[test]
fn each_change_is_published_once_and_no_transaction_is_torn() {
    for bounds in BOUNDS {
        let summary = explore(Publish { bounds, ..with(Flaw::None, false, None) });
        println!("{bounds:?}: {summary}");
        assert_eq!(summary.violation, None, "{bounds:?}");
        let late_commit = "a late EndTxn meets a later transaction";
        assert!(
            summary.unreached.iter().all(|name| *name == late_commit && bounds.resends == 0),
            "{summary}"
        );
    }
}

#[test]
fn late_end_of_a_transaction_tears_the_next_one_of_the_same_epoch() {
    for verifies_partitions in [false, true] {
        for property in [NOT_TORN, EXACTLY_ONCE] {
            let summary = explore(with(Flaw::TrustsResentRequests, verifies_partitions, Some(property)));
            println!("{summary}");
            assert_eq!(summary.violation.map(|(name, _)| name), Some(property));
        }
    }
}

#[test]
fn torn_transaction_loses_data_only_on_brokers_that_do_not_verify_partitions() {
    let lost = |verifies| explore(with(Flaw::TrustsResentRequests, verifies, Some(NOT_LOST))).violation;
    assert!(lost(false).is_some());
    assert_eq!(lost(true), None);
}

#[test]
fn each_rule_is_needed() {
    for flaw in [Flaw::KeepsEpoch, Flaw::ReadsBeforeFence] {
        let summary = explore(with(flaw, true, None));
        println!("{flaw:?}: {summary}");
        assert!(summary.violation.is_some(), "{flaw:?}: {summary}");
    }
}

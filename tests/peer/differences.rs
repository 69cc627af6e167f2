//! The permitted differences and their reasons, which docs/how-to/from-debezium.md repeats for users.

use std::collections::BTreeSet;

use serde_json::Value as Json;

/// A permitted difference in one field.
pub(crate) struct Difference {
    /// The path in an event or a schema, or the topic of a whole event.
    pub(crate) path: &'static str,
    /// The reason, word for word as in docs/how-to/from-debezium.md; the test checks this.
    pub(crate) why: &'static str,
    /// Returns true if the two values differ in the permitted way.
    pub(crate) only: fn(&Json, &Json) -> bool,
}

/// The placeholder for a field or an event that one side does not have.
pub(crate) const ABSENT: &str = "(absent)";

const VERSION: &str = "the program's own version";
const TIMES: &str = "when each of the two read and wrote the change";
const HEADERS: &str = "headers of Debezium's own workings are left out";
const FLOAT: &str =
    "the digits of a FLOAT32 are the fewest that tell it from others; Java before 19 writes more";
const TRANSACTION: &str =
    "Debezium's Spanner connector writes no transaction metadata, whatever provide.transaction.metadata says";
const ORDER: &str =
    "Debezium's key has its columns in the order of a hash map, ours in the order of the primary key";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference { path: "value.source.version", why: VERSION, only: |theirs, _| theirs == "3.7.0.Final" },
    Difference { path: "value.source.read_at_timestamp", why: TIMES, only: near },
    Difference { path: "value.ts_ms", why: TIMES, only: near },
    Difference { path: "value.ts_us", why: TIMES, only: later },
    Difference { path: "value.ts_ns", why: TIMES, only: later },
    Difference {
        path: "headers",
        why: HEADERS,
        only: |theirs, ours| is_internal(theirs) && *ours == Json::Array(vec![]),
    },
    Difference { path: "transaction", why: TRANSACTION, only: |theirs, _| theirs == ABSENT },
    Difference {
        path: "value.transaction",
        why: TRANSACTION,
        only: |theirs, ours| theirs.is_null() && ours.is_object(),
    },
    Difference { path: "schema.key.order", why: ORDER, only: is_same_set },
    Difference { path: "value.after.Single", why: FLOAT, only: is_same_single },
];

/// Returns true for two times in milliseconds that are minutes apart at most.
fn near(theirs: &Json, ours: &Json) -> bool {
    matches!((theirs.as_i64(), ours.as_i64()), (Some(theirs), Some(ours)) if theirs.abs_diff(ours) < 600_000)
}

fn later(theirs: &Json, ours: &Json) -> bool {
    theirs.is_i64() && ours.is_i64()
}

fn is_internal(headers: &Json) -> bool {
    let internal = |name: &Json| {
        let name = name.as_str().unwrap_or_default();
        name.starts_with("__debezium.context.")
            || ["spannerDataChangeRecordUid", "emitAtTimestamp", "pollAtTimestamp"].contains(&name)
    };
    headers.as_array().is_some_and(|headers| headers.iter().all(internal))
}

fn is_same_set(theirs: &Json, ours: &Json) -> bool {
    let names =
        |list: &Json| list.as_array().map(|names| names.iter().map(Json::to_string).collect::<BTreeSet<_>>());
    names(theirs).is_some() && names(theirs) == names(ours)
}

#[allow(clippy::cast_possible_truncation, reason = "both are singles, written with too many digits")]
fn is_same_single(theirs: &Json, ours: &Json) -> bool {
    let single = |value: &Json| value.as_f64().map(|double| (double as f32).to_bits());
    single(theirs).is_some() && single(theirs) == single(ours)
}

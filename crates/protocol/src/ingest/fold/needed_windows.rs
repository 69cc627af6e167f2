//! The sliding windows and sessions that a batch may change, as ranges of keys.
//!
//! Each record needs the windows near its event time. Ranges that overlap are read as one, but the windows between two
//! distant records of a group are not read: "Reads near the event times" (docs/design/ingest-aggregates-and-windows.md).

use std::collections::BTreeMap;

use super::super::change::{KeyRange, LatePolicy, RowKey, Spec, WindowKind};
use super::super::window::{LAST, first_open, is_distant, session_range, slide_range};
use crate::value::Timestamp;

/// The windows that a batch may change, by group.
#[derive(Default)]
pub(super) struct NeededWindows(BTreeMap<RowKey, GroupNeeds>);

/// The windows of one group that a batch may change.
#[derive(Default)]
struct GroupNeeds {
    /// The inclusive bounds for each record.
    ranges: Vec<(Timestamp, Timestamp)>,
    /// The latest stream time of the records' partitions.
    stream_time: Option<Timestamp>,
}

impl NeededWindows {
    /// Adds a record of a group. `stream_time` is its partition's before the batch.
    pub(super) fn add(&mut self, spec: &Spec, group: RowKey, at: Timestamp, stream_time: Option<Timestamp>) {
        let Some(window) = spec.targets[group.target].window() else { return };
        let range = match window.kind {
            WindowKind::Sliding(size) => {
                // The stream time never decreases, so the fold finds the record late as well.
                let is_late =
                    window.late != LatePolicy::Update && at < first_open(size, window.grace, stream_time);
                if is_late {
                    return;
                }
                slide_range(size, at, at).into_inner()
            }
            WindowKind::Session(gap) => {
                let range = session_range(gap, at, at);
                (range.earliest_end, range.latest_start)
            }
            WindowKind::Tumbling(_) | WindowKind::Hopping(_) => return,
        };
        let needs = self.0.entry(group).or_default();
        needs.ranges.push(range);
        needs.stream_time = needs.stream_time.max(stream_time);
    }

    /// Returns the ranges to read.
    pub(super) fn ranges(self, spec: &Spec) -> Vec<KeyRange> {
        let of_group = |(group, needs): (RowKey, GroupNeeds)| {
            let kind = spec.targets[group.target].window().map(|window| window.kind);
            let stream_time = needs.stream_time;
            let joined = needs.joined();
            let last = joined.len().saturating_sub(1);
            let range = move |(index, (from, to)): (usize, (Timestamp, Timestamp))| {
                let RowKey { target, key: prefix } = group.clone();
                let (to, and_next) = match kind {
                    // A session that ends behind the range may start within it. Near the stream time few sessions follow,
                    // and reading them all costs less than a request for the first one.
                    Some(WindowKind::Session(gap)) if index < last || is_distant(gap, to, stream_time) => {
                        (to, true)
                    }
                    Some(WindowKind::Session(_)) => (LAST, false),
                    _ => (to, false),
                };
                KeyRange { target, prefix, from, to, and_next }
            };
            joined.into_iter().enumerate().map(range).collect::<Vec<_>>()
        };
        self.0.into_iter().flat_map(of_group).collect()
    }
}

impl GroupNeeds {
    /// Returns the ranges in their order, those that overlap as one.
    fn joined(mut self) -> Vec<(Timestamp, Timestamp)> {
        self.ranges.sort_unstable();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (from, to) in self.ranges {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        joined
    }
}

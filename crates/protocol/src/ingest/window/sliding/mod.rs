//! Sliding windows: for every record the one that ends with it and the one that starts behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::instant::{MILLISECOND, instant, millisecond, nanos, nearest};
use super::{WindowError, WindowSize};
use crate::ingest::aggregate::{self, AggregateFunction, AggregateInput};
use crate::value::{Timestamp, Value};

/// A sliding window, [start, start + size] with both ends included, which holds some record.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Slide {
    /// Names the window within its group; whole milliseconds.
    pub(in crate::ingest) start: Timestamp,
    /// The greatest time of its records, in milliseconds.
    pub(in crate::ingest) latest: Timestamp,
    pub(in crate::ingest) state: Vec<Value>,
}

/// The sliding windows of one group that a batch works on.
///
/// Those of Kafka Streams' `SlidingWindows` (KIP-450): a record at t makes the window that ends at
/// t and, once a record lies there, the one that starts a millisecond after t. Between two
/// neighbouring starts no record enters or leaves, so any other window equals the one before it.
/// That is how a late record's windows are derived: from the stored ones, and `latest` tells
/// whether anything is left of them. Where Kafka Streams has none before 1970, they go on alike.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Slides {
    size: WindowSize,
    by_start: BTreeMap<Timestamp, Slide>,
    /// The starts of the windows that differ from what was read.
    changed: BTreeSet<Timestamp>,
}

/// The starts of the windows to read for records whose times lie in `first..=last`: the windows
/// that hold them, those that hold a record up to a size earlier, and the one behind the last.
pub(in crate::ingest) fn slide_range(
    size: WindowSize,
    first: Timestamp,
    last: Timestamp,
) -> RangeInclusive<Timestamp> {
    let first = nanos(millisecond(first).unwrap_or(first));
    nearest(first - 2 * size.nanos())..=nearest(nanos(last) + MILLISECOND)
}

impl Slides {
    /// `existing` holds all stored windows within the batch's [`slide_range`].
    pub(in crate::ingest) fn new(size: WindowSize, existing: Vec<Slide>) -> Self {
        let by_start = existing.into_iter().map(|slide| (slide.start, slide)).collect();
        Self { size, by_start, changed: BTreeSet::new() }
    }

    /// Adds a record to every window that holds it, and makes those that come to be by it. An
    /// error changes nothing.
    ///
    /// Windows that start before `open` ([`super::first_open`]) stay as they are, and a record
    /// before it changes none. Where the record would have made one of those, the window at `open`
    /// is made in its place: without it the record would be missing in open ones that are derived
    /// later. (Kafka Streams makes none, and misses it.)
    pub(in crate::ingest) fn add(
        &mut self,
        functions: &[AggregateFunction],
        at: Timestamp,
        inputs: &[AggregateInput],
        open: Timestamp,
    ) -> Result<(), WindowError> {
        let time = millisecond(at)?;
        if time < open {
            return Ok(());
        }
        let ending = instant((nanos(time) - self.size.nanos()).max(nanos(open)))?;
        let mut made = BTreeMap::new();
        let left = self.derived(ending);
        // The record before this one: the window behind it may have been empty so far.
        let previous = left.map(|slide| slide.latest).filter(|latest| *latest < time);
        let behind_previous = previous.map(after).transpose()?;
        for start in [Some(ending), behind_previous].into_iter().flatten() {
            if !self.by_start.contains_key(&start) {
                let slide = match self.derived(start) {
                    Some(same) => Slide { start, ..same.clone() },
                    None => Slide { start, latest: time, state: aggregate::empty(functions) },
                };
                made.insert(start, slide);
            }
        }
        let holding = self.by_start.range(ending..=time).map(|(start, slide)| (*start, slide.clone()));
        made.extend(holding);
        for slide in made.values_mut() {
            aggregate::add(functions, &mut slide.state, inputs, Some(at))?;
            slide.latest = slide.latest.max(time);
        }
        // At the end of time nothing starts behind the record, and nothing lies there.
        if let Ok(start) = after(time)
            && !self.by_start.contains_key(&start)
            && let Some(same) = self.derived(start)
        {
            made.insert(start, Slide { start, ..same.clone() });
        }
        self.changed.extend(made.keys());
        self.by_start.extend(made);
        Ok(())
    }

    /// The windows that are new or have changed: their rows are to be written.
    pub(in crate::ingest) fn written(&self) -> impl Iterator<Item = &Slide> {
        self.changed.iter().map(|start| &self.by_start[start])
    }

    /// All windows, as they are now.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &Slide> {
        self.by_start.values()
    }

    /// A window that holds the same records as the one at `start`; none if that is empty.
    fn derived(&self, start: Timestamp) -> Option<&Slide> {
        let (_, slide) = self.by_start.range(..=start).next_back()?;
        (slide.latest >= start).then_some(slide)
    }
}

fn after(time: Timestamp) -> Result<Timestamp, WindowError> {
    instant(nanos(time) + MILLISECOND)
}

#[cfg(test)]
mod tests;

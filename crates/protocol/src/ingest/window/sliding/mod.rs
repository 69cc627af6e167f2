//! Sliding windows: for every record, one window that ends with it and one that starts right behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::error::WindowError;
use super::instant::{MILLISECOND, instant, millisecond, nanos, nearest};
use super::size::WindowSize;
use crate::ingest::aggregate::{self, AggregateFunction, AggregateInput};
use crate::value::{Timestamp, Value};

/// A sliding window `[start, start + size]`, which includes both ends and contains at least one record.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Slide {
    /// The start in milliseconds, which identifies the window within its group.
    pub(in crate::ingest) start: Timestamp,
    /// The latest time of its records, in milliseconds.
    pub(in crate::ingest) latest: Timestamp,
    pub(in crate::ingest) state: Vec<Value>,
}

/// The sliding windows of one group that a batch changes.
///
/// They follow Kafka Streams' `SlidingWindows` (KIP-450). A record at t creates the window that ends at t
/// and, once it would contain a record, the window that starts a millisecond after t. Between two adjacent
/// starts no record enters or leaves a window, so any other window equals the one before it. The windows of
/// a late record are derived from the stored ones in this way, and `latest` shows whether a derived window
/// contains any record. Kafka Streams has no windows before 1970; here they are the same as after it.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Slides {
    size: WindowSize,
    by_start: BTreeMap<Timestamp, Slide>,
    /// The starts of the windows that differ from what was read.
    changed: BTreeSet<Timestamp>,
}

/// Returns the starts of the windows to read for records between `first` and `last`: the windows that
/// contain them, those that contain a record up to one size earlier, and the one behind the last record.
pub(in crate::ingest) fn slide_range(
    size: WindowSize,
    first: Timestamp,
    last: Timestamp,
) -> RangeInclusive<Timestamp> {
    let first = nanos(millisecond(first).unwrap_or(first));
    nearest(first - 2 * size.nanos())..=nearest(nanos(last) + MILLISECOND)
}

impl Slides {
    /// Creates the set from all stored windows within the batch's [`slide_range`].
    pub(in crate::ingest) fn new(size: WindowSize, existing: Vec<Slide>) -> Self {
        let by_start = existing.into_iter().map(|slide| (slide.start, slide)).collect();
        Self { size, by_start, changed: BTreeSet::new() }
    }

    /// Adds a record to every window that contains it, and creates the windows that it requires. An error
    /// changes nothing.
    ///
    /// Windows that start before `open` ([`super::first_open`]) are closed and stay unchanged, and a record
    /// before `open` changes none. If the record would have created a closed window, the window at `open` is
    /// created instead. Without it, open windows that are derived later would lack the record. (Kafka Streams
    /// creates no window there, and lacks the record.)
    ///
    /// # Errors
    /// If a window is outside the range of TIMESTAMP, or a function rejects the record.
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
        let mut changed = BTreeMap::new();
        let ending_window = self.derived(ending);
        // The window behind the previous record may have been empty until now.
        let previous = ending_window.map(|slide| slide.latest).filter(|latest| *latest < time);
        let behind_previous = previous.map(next_millisecond).transpose()?;
        for start in [Some(ending), behind_previous].into_iter().flatten() {
            if !self.by_start.contains_key(&start) {
                let slide = match self.derived(start) {
                    Some(same) => Slide { start, ..same.clone() },
                    None => Slide { start, latest: time, state: aggregate::empty(functions) },
                };
                changed.insert(start, slide);
            }
        }
        let holding = self.by_start.range(ending..=time).map(|(start, slide)| (*start, slide.clone()));
        changed.extend(holding);
        for slide in changed.values_mut() {
            aggregate::add(functions, &mut slide.state, inputs, Some(at))?;
            slide.latest = slide.latest.max(time);
        }
        // At the last timestamp no window starts behind the record.
        if let Ok(start) = next_millisecond(time)
            && !self.by_start.contains_key(&start)
            && let Some(same) = self.derived(start)
        {
            changed.insert(start, Slide { start, ..same.clone() });
        }
        self.changed.extend(changed.keys());
        self.by_start.extend(changed);
        Ok(())
    }

    /// Returns the windows that are new or have changed, whose rows are to be written.
    pub(in crate::ingest) fn written(&self) -> impl Iterator<Item = &Slide> {
        self.changed.iter().map(|start| &self.by_start[start])
    }

    /// Returns all windows.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &Slide> {
        self.by_start.values()
    }

    /// Returns a window with the same records as the one at `start`; `None` if that one is empty.
    fn derived(&self, start: Timestamp) -> Option<&Slide> {
        let (_, slide) = self.by_start.range(..=start).next_back()?;
        (slide.latest >= start).then_some(slide)
    }
}

fn next_millisecond(time: Timestamp) -> Result<Timestamp, WindowError> {
    instant(nanos(time) + MILLISECOND)
}

#[cfg(test)]
mod tests;

//! Session windows: records of a group with at most the inactivity gap between them.

use std::collections::{BTreeMap, BTreeSet};

use super::error::WindowError;
use super::instant::{millisecond, nanos, nearest};
use super::size::WindowSize;
use crate::ingest::aggregate::{self, AggregateFunction, AggregateInput};
use crate::value::{Timestamp, Value};

/// A session: the times of its first and its last record in milliseconds, and the state of its functions.
/// As in Kafka Streams, both records belong to it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Session {
    pub(in crate::ingest) start: Timestamp,
    /// The end, which identifies the session within its group.
    pub(in crate::ingest) end: Timestamp,
    pub(in crate::ingest) state: Vec<Value>,
}

/// The sessions of one group that a batch changes.
///
/// Two records belong to one session if their times differ by at most the gap. This follows Kafka Streams,
/// which finds the sessions that end no earlier than `time - gap` and start no later than `time + gap`
/// (`SessionStore.findSessions`). So a late record may merge sessions.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Sessions {
    gap: WindowSize,
    by_end: BTreeMap<Timestamp, Session>,
    /// The ends of the rows that were read.
    loaded: BTreeSet<Timestamp>,
    /// The ends of the sessions that differ from what was read.
    changed: BTreeSet<Timestamp>,
}

/// The sessions of a group that a batch may change. Both bounds are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) struct SessionRange {
    /// The earliest end of these sessions.
    pub(in crate::ingest) earliest_end: Timestamp,
    /// The latest start of these sessions.
    pub(in crate::ingest) latest_start: Timestamp,
}

/// Returns the sessions to read for records between `first` and `last`. Of the sessions that end after
/// `latest_start`, only the first one can be among them.
pub(in crate::ingest) fn session_range(gap: WindowSize, first: Timestamp, last: Timestamp) -> SessionRange {
    SessionRange {
        // Times are truncated to milliseconds, so a record may be up to 1 ms earlier than its event time.
        earliest_end: nearest(nanos(millisecond(first).unwrap_or(first)) - gap.nanos()),
        latest_start: nearest(nanos(last) + gap.nanos()),
    }
}

/// The number of gaps between a time and the stream time from which on the time is distant.
const DISTANT_GAPS: i128 = 100;

/// Returns whether many sessions may end behind a time. Without a stream time, other partitions may have written any number.
pub(in crate::ingest) fn is_distant(
    gap: WindowSize,
    time: Timestamp,
    stream_time: Option<Timestamp>,
) -> bool {
    stream_time.is_none_or(|now| nanos(now) - nanos(time) > DISTANT_GAPS * gap.nanos())
}

impl Sessions {
    /// Creates the set from all stored sessions within the batch's [`session_range`].
    pub(in crate::ingest) fn new(gap: WindowSize, existing: Vec<Session>) -> Self {
        let by_end: BTreeMap<_, _> = existing.into_iter().map(|session| (session.end, session)).collect();
        Self { gap, loaded: by_end.keys().copied().collect(), by_end, changed: BTreeSet::new() }
    }

    /// Returns the end of the session that a record at this time would belong to. It decides whether the
    /// record is late.
    ///
    /// # Errors
    /// If the time is outside the range of TIMESTAMP.
    pub(in crate::ingest) fn end(&self, at: Timestamp) -> Result<Timestamp, WindowError> {
        let time = millisecond(at)?;
        Ok(self.within_gap(time).map(|session| session.end).last().map_or(time, |end| end.max(time)))
    }

    /// Adds a record to its session, which may be new or merged from several. An error changes nothing.
    ///
    /// # Errors
    /// If the time is outside the range of TIMESTAMP, or a function rejects the record.
    pub(in crate::ingest) fn add(
        &mut self,
        functions: &[AggregateFunction],
        at: Timestamp,
        inputs: &[AggregateInput],
    ) -> Result<(), WindowError> {
        let time = millisecond(at)?;
        let mut near = self.within_gap(time);
        let mut session = match near.next() {
            Some(earliest) => earliest.clone(),
            None => Session { start: time, end: time, state: aggregate::empty(functions) },
        };
        let mut merged = vec![session.end];
        for later in near {
            aggregate::merge(functions, &mut session.state, &later.state)?;
            session.end = later.end;
            merged.push(later.end);
        }
        aggregate::add(functions, &mut session.state, inputs, Some(at))?;
        session.start = session.start.min(time);
        session.end = session.end.max(time);
        for end in merged {
            self.by_end.remove(&end);
            self.changed.remove(&end);
        }
        self.changed.insert(session.end);
        self.by_end.insert(session.end, session);
        Ok(())
    }

    /// Returns the ends of the stored sessions that no longer exist, whose rows are to be deleted.
    pub(in crate::ingest) fn removed(&self) -> impl Iterator<Item = Timestamp> {
        self.loaded.iter().copied().filter(|end| !self.by_end.contains_key(end))
    }

    /// Returns the sessions that are new or have changed, whose rows are to be written.
    pub(in crate::ingest) fn written(&self) -> impl Iterator<Item = &Session> {
        self.changed.iter().map(|end| &self.by_end[end])
    }

    /// Returns all sessions.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &Session> {
        self.by_end.values()
    }

    /// Returns the sessions within the gap of this time, the earliest first. Sessions are disjoint, so they
    /// start in the order in which they end.
    fn within_gap(&self, time: Timestamp) -> impl Iterator<Item = &Session> {
        let (earliest, latest) =
            (nearest(nanos(time) - self.gap.nanos()), nearest(nanos(time) + self.gap.nanos()));
        let ending = self.by_end.range(earliest..).map(|(_, session)| session);
        ending.take_while(move |session| session.start <= latest)
    }
}

#[cfg(test)]
mod tests;

//! Sessions: records of a group with no more than a gap between them.

use std::collections::{BTreeMap, BTreeSet};

use super::instant::{millisecond, nanos, nearest};
use super::{WindowError, WindowSize};
use crate::ingest::aggregate::{self, AggregateFunction, AggregateInput};
use crate::value::{Timestamp, Value};

/// A session: the times of its first and its last record, in milliseconds, and its functions'
/// state. As in Kafka Streams the last record is in it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Session {
    pub(in crate::ingest) start: Timestamp,
    /// Names the session within its group.
    pub(in crate::ingest) end: Timestamp,
    pub(in crate::ingest) state: Vec<Value>,
}

/// The sessions of one group that a batch works on.
///
/// Two records are of one session if their times are a gap apart or less, as in Kafka Streams,
/// which looks for the sessions that end no earlier than `time - gap` and start no later than
/// `time + gap` (`SessionStore.findSessions`). So a late record may join sessions into one.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Sessions {
    gap: WindowSize,
    by_end: BTreeMap<Timestamp, Session>,
    /// The ends of the rows that were read.
    loaded: BTreeSet<Timestamp>,
    /// The ends of the sessions that differ from what was read.
    changed: BTreeSet<Timestamp>,
}

/// Which sessions of a group a batch can touch: both bounds are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) struct SessionRange {
    /// They end here or later.
    pub(in crate::ingest) earliest_end: Timestamp,
    /// They start here or earlier.
    pub(in crate::ingest) latest_start: Timestamp,
}

/// The sessions to read for records whose times lie in `first..=last`. Of those that end later
/// than `latest_start` only the very next can be among them.
pub(in crate::ingest) fn session_range(gap: WindowSize, first: Timestamp, last: Timestamp) -> SessionRange {
    SessionRange {
        // The times are cut to milliseconds, so a record may be one earlier than it seems.
        earliest_end: nearest(nanos(millisecond(first).unwrap_or(first)) - gap.nanos()),
        latest_start: nearest(nanos(last) + gap.nanos()),
    }
}

impl Sessions {
    /// `existing` holds all stored sessions within the batch's [`session_range`].
    pub(in crate::ingest) fn new(gap: WindowSize, existing: Vec<Session>) -> Self {
        let by_end: BTreeMap<_, _> = existing.into_iter().map(|session| (session.end, session)).collect();
        Self { gap, loaded: by_end.keys().copied().collect(), by_end, changed: BTreeSet::new() }
    }

    /// When the session of a record at that time will end: what decides whether it is late.
    pub(in crate::ingest) fn end(&self, at: Timestamp) -> Result<Timestamp, WindowError> {
        let time = millisecond(at)?;
        Ok(self.near(time).map(|session| session.end).last().map_or(time, |end| end.max(time)))
    }

    /// Adds a record to its session, which may have to be made or joined of several. An error
    /// changes nothing.
    pub(in crate::ingest) fn add(
        &mut self,
        functions: &[AggregateFunction],
        at: Timestamp,
        inputs: &[AggregateInput],
    ) -> Result<(), WindowError> {
        let time = millisecond(at)?;
        let mut near = self.near(time);
        let mut session = match near.next() {
            Some(earliest) => earliest.clone(),
            None => Session { start: time, end: time, state: aggregate::empty(functions) },
        };
        let mut joined = vec![session.end];
        for later in near {
            aggregate::merge(functions, &mut session.state, &later.state)?;
            session.end = later.end;
            joined.push(later.end);
        }
        aggregate::add(functions, &mut session.state, inputs, Some(at))?;
        session.start = session.start.min(time);
        session.end = session.end.max(time);
        for end in joined {
            self.by_end.remove(&end);
            self.changed.remove(&end);
        }
        self.changed.insert(session.end);
        self.by_end.insert(session.end, session);
        Ok(())
    }

    /// The ends of the stored sessions that are no more: their rows are to be deleted.
    pub(in crate::ingest) fn removed(&self) -> impl Iterator<Item = Timestamp> {
        self.loaded.iter().copied().filter(|end| !self.by_end.contains_key(end))
    }

    /// The sessions that are new or have changed: their rows are to be written.
    pub(in crate::ingest) fn written(&self) -> impl Iterator<Item = &Session> {
        self.changed.iter().map(|end| &self.by_end[end])
    }

    /// All sessions, as they are now.
    #[cfg(test)]
    fn iter(&self) -> impl Iterator<Item = &Session> {
        self.by_end.values()
    }

    /// The sessions that a record at that time belongs to, the earliest first. Being disjoint they
    /// start in the order in which they end.
    fn near(&self, time: Timestamp) -> impl Iterator<Item = &Session> {
        let (earliest, latest) =
            (nearest(nanos(time) - self.gap.nanos()), nearest(nanos(time) + self.gap.nanos()));
        let ending = self.by_end.range(earliest..).map(|(_, session)| session);
        ending.take_while(move |session| session.start <= latest)
    }
}

#[cfg(test)]
mod tests;

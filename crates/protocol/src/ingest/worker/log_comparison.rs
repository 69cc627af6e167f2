//! The comparison of a log with the fingerprints of a position.
//!
//! Two records tell which log it is: the last one that was applied, and the first one. A record that the log
//! no longer holds tells nothing. The rules are "Identity of a log" (docs/design/ingest-positions.md).

use std::cmp::Ordering;

use crate::guard::{Guard, is_enforced};
use crate::ingest::fingerprint::{Digest, Fingerprint};
use crate::ingest::position::{LogRange, Offset, Position};
use crate::ingest::registration::Registration;
use crate::ingest::stop::LogMismatchKind;

/// A comparison that is under way.
#[derive(Debug)]
pub(super) struct LogComparison {
    pub(super) position: Position,
    pub(super) registration: Registration,
    pub(super) log: LogRange,
    last: Match,
    first: Match,
}

/// The result for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    /// The record has not been read yet.
    Unread(Fingerprint),
    Same,
    Different,
    /// The log does not hold the record, or its fingerprint was never stored.
    Unknown,
}

impl Match {
    fn new(record: Option<Fingerprint>, log: LogRange) -> Self {
        match record {
            Some(record) if (log.start..log.end).contains(&record.offset) => Self::Unread(record),
            _ => Self::Unknown,
        }
    }

    fn compare(&mut self, offset: Offset, found: Option<Digest>) {
        let Self::Unread(record) = self else { return };
        if record.offset == offset {
            *self = match found {
                Some(digest) if digest == record.digest => Self::Same,
                Some(_) if is_enforced(Guard::LogReplacedIsNoticed) => Self::Different,
                _ => Self::Unknown,
            };
        }
    }
}

impl LogComparison {
    /// Starts the comparison of a stored position with the log.
    pub(super) fn new(position: Position, registration: Registration, log: LogRange) -> Self {
        let last = Match::new(position.last_record, log);
        let first = Match::new(registration.first_record, log);
        Self { position, registration, log, last, first }
    }

    /// Returns the offset of the next record to compare. The first record is read only if the last one leaves
    /// a doubt.
    pub(super) fn next_offset(&self) -> Option<Offset> {
        match (self.last, self.first) {
            (Match::Unread(record), _) => Some(record.offset),
            (Match::Different | Match::Unknown, Match::Unread(record)) => Some(record.offset),
            _ => None,
        }
    }

    /// Adds the digest of the record at an offset, or `None` if the log does not hold it.
    pub(super) fn add(&mut self, offset: Offset, found: Option<Digest>) {
        self.last.compare(offset, found);
        self.first.compare(offset, found);
    }

    /// Returns the mismatch, or `None` if the partition continues at its position.
    pub(super) fn mismatch(&self) -> Option<LogMismatchKind> {
        let place = match self.position.next {
            next if next < self.log.start => return Some(LogMismatchKind::Expired),
            next => next.cmp(&self.log.end),
        };
        let is_same = self.last == Match::Same || self.first == Match::Same;
        match (self.last, self.first) {
            (_, Match::Different) => Some(LogMismatchKind::Replaced),
            (Match::Different, _) if !is_enforced(Guard::FirstRecordTellsTruncation) => {
                Some(LogMismatchKind::Replaced)
            }
            (Match::Different, Match::Same) => Some(match place {
                Ordering::Greater => LogMismatchKind::Truncated,
                _ => LogMismatchKind::TruncatedAndGrown,
            }),
            (Match::Different, _) => Some(LogMismatchKind::ReplacedOrTruncated),
            _ if place != Ordering::Greater => None,
            _ if is_same => Some(LogMismatchKind::Truncated),
            _ => Some(LogMismatchKind::TruncatedOrReplaced),
        }
    }
}

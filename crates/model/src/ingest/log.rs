//! The log of the partition, which may expire and may be replaced.

use spanbridge_protocol::ingest::{Digest, Fingerprint};

use super::LogRecord;

/// The log. Its last offset is a control record, which no consumer receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Log {
    /// 0 for the first log, 1 for the topic that was created after it.
    pub(super) number: u8,
    pub(super) start: i64,
    /// The exclusive end.
    pub(super) end: i64,
}

impl Log {
    /// Returns the record at the offset, unless it is a control record.
    pub(super) fn record(self, offset: i64) -> Option<LogRecord> {
        (offset < self.end - 1).then_some(LogRecord { log: self.number, offset })
    }

    /// Returns whether fetching may continue at the offset.
    pub(super) fn contains(self, offset: i64) -> bool {
        (self.start..=self.end).contains(&offset)
    }
}

impl LogRecord {
    /// The digest of the record, which differs from that of every other record.
    pub(super) fn digest(self) -> Digest {
        let offset = u8::try_from(self.offset).unwrap_or_else(|_| unreachable!("a model has few offsets"));
        let mut digest = Digest::default();
        digest.0[..2].copy_from_slice(&[self.log, offset]);
        digest
    }

    pub(super) fn fingerprint(self) -> Fingerprint {
        Fingerprint { offset: self.offset, digest: self.digest() }
    }

    /// Returns the record of a fingerprint.
    pub(super) fn from_fingerprint(fingerprint: Fingerprint) -> Self {
        Self { log: fingerprint.digest.0[0], offset: fingerprint.offset }
    }
}

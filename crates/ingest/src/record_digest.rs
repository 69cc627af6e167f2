//! The digest of a record, by which a position recognises its log.
//!
//! `pipeline/` computes it for the last record of each partition in a commit, and for records that the worker
//! compares: "Identity of a log" (docs/design/ingest-positions.md). Digests are stored, so their bytes never change.

use sha2::{Digest as _, Sha256};
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::Digest;

/// Returns the first 16 bytes of the SHA-256 of a record's timestamp, key and value.
pub(crate) fn record_digest(record: &Record) -> Digest {
    let mut hash = Sha256::new();
    let timestamp = record.timestamp_ms.map(i64::to_be_bytes);
    let parts = [timestamp.as_ref().map(<[u8; 8]>::as_slice), record.key.as_deref(), record.value.as_deref()];
    for part in parts {
        // The length separates the parts, and null from an empty one.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    Digest(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(timestamp_ms: Option<i64>, key: Option<&str>, value: Option<&str>) -> Record {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        Record {
            topic: "t".into(),
            partition: 0,
            offset: 7,
            timestamp_ms,
            key: bytes(key),
            value: bytes(value),
            headers: Vec::new(),
        }
    }

    #[test]
    fn each_part_counts() {
        let records = [
            record(None, None, None),
            record(Some(0), None, None),
            record(None, Some(""), None),
            record(None, None, Some("")),
            record(None, Some("ab"), Some("c")),
            record(None, Some("a"), Some("bc")),
        ];
        let digests: std::collections::HashSet<_> = records.iter().map(record_digest).collect();
        assert_eq!(digests.len(), records.len());
    }

    #[test]
    fn stored_digest_keeps_its_bytes() {
        let digest = record_digest(&record(Some(1_790_000_000_000), Some("key"), Some("value")));
        let hex: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        // sha256sum of the three parts, each behind its length in 8 bytes; computed apart from this code.
        assert_eq!(hex, "5fe90d386b1dfe1299f25e3fad870871");
    }
}

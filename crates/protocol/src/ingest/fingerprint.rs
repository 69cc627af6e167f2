//! The fingerprint of a record, by which a partition recognises its log.
//!
//! An offset alone does not tell whether a log is the one that was read before: a topic may have been
//! deleted and created again. The service computes the digests, because this crate reads no record. The
//! rules are "Identity of a log" (docs/design/ingest-positions.md).

use super::position::Offset;
use crate::value::Value;

/// The digest of a record's timestamp, key and value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

/// The offset and the digest of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The record's offset.
    pub offset: Offset,
    /// The record's digest.
    pub digest: Digest,
}

impl Fingerprint {
    /// Returns the fingerprint that the two columns of a row hold, or `None` if either is NULL or invalid.
    pub fn from_columns(offset: &Value, digest: &Value) -> Option<Self> {
        let (Value::Int64(offset), Value::Bytes(digest)) = (offset, digest) else { return None };
        Some(Self { offset: *offset, digest: Digest(digest.as_slice().try_into().ok()?) })
    }

    /// Returns the two columns of a row, which are NULL without a fingerprint.
    pub(super) fn columns(this: Option<Self>) -> [Value; 2] {
        match this {
            Some(Self { offset, digest }) => [Value::from(offset), Value::Bytes(digest.0.to_vec())],
            None => [Value::Null, Value::Null],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_survives_its_columns() {
        let fingerprint = Fingerprint { offset: 7, digest: Digest([3; 16]) };
        for stored in [None, Some(fingerprint)] {
            let [offset, digest] = Fingerprint::columns(stored);
            assert_eq!(Fingerprint::from_columns(&offset, &digest), stored);
        }
        let short = Value::Bytes(vec![3; 15]);
        assert_eq!(Fingerprint::from_columns(&Value::from(7), &short), None);
    }
}

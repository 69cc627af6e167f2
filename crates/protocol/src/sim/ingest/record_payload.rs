//! The payload of a record, which is its identity.

use crate::ingest::{Digest, Payload, StoredPayload};
use crate::value::{Timestamp, Value};

/// The identity of a record. It is the digest as well, and the key that a dead letter stores.
pub(super) struct RecordPayload(pub(super) u64);

impl RecordPayload {
    /// Returns the identity that a digest or the key of a dead letter holds.
    pub(super) fn id(stored: &Value) -> Option<u64> {
        let Value::Bytes(bytes) = stored else { return None };
        bytes.first_chunk().copied().map(u64::from_be_bytes)
    }
}

impl Payload for RecordPayload {
    fn digest(&self) -> Digest {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&self.0.to_be_bytes());
        Digest(digest)
    }
    fn stored(&self) -> StoredPayload {
        StoredPayload { key: Some(self.0.to_be_bytes().to_vec()), ..StoredPayload::default() }
    }
    fn timestamp(&self) -> Option<Timestamp> {
        None
    }
    fn trace_id(&self) -> Option<String> {
        None
    }
}

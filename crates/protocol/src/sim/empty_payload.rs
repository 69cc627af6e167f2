//! The payload of records whose bytes do not matter.

use crate::ingest::{Digest, Payload, StoredPayload};
use crate::value::Timestamp;

pub(crate) struct EmptyPayload;

impl Payload for EmptyPayload {
    fn digest(&self) -> Digest {
        Digest::default()
    }
    fn stored(&self) -> StoredPayload {
        StoredPayload::default()
    }
    fn timestamp(&self) -> Option<Timestamp> {
        None
    }
    fn trace_id(&self) -> Option<String> {
        None
    }
}

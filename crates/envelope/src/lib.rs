//! Envelope encryption of small payloads: AES-256-GCM with a data key that a key of a file or of Cloud KMS wraps.
//!
//! `ingest` seals the records of dead letters with it, and opens them for `dead-letters show` and replays. A sealed payload
//! names the key that wrapped its data key, so that keys can be rotated. Associated data binds a payload to its place: a
//! payload that was copied elsewhere does not open.
//!
//! Nothing here logs, prints or returns a key or a payload in an error.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cipher;
mod envelopes;
mod error;
mod key_file;
mod kms;

pub use envelopes::{Envelopes, KeySource, Sealed, key_id};
pub use error::{Error, ErrorKind};
pub use kms::Kms;

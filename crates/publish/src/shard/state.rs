//! The stored form of state records: JSON, so that a person can read the state topic.

use std::sync::Arc;

use spanbridge_kafka::{Message, Record};
use spanbridge_protocol::publish::{StateKey, StateRecord, StateValue};

use crate::pipeline::partition_of;
use crate::{Error, ErrorKind};

/// The version of the records that this program writes. A change that an older program would misread needs the next one.
const STATE_VERSION: u32 = 1;
/// The header with the version of a record. The first releases wrote none.
const VERSION_HEADER: &str = "spanbridge-state-version";

/// Returns the message of a state record.
///
/// # Errors
/// A record that has no JSON, which is a bug.
pub(crate) fn encode(pipeline: &str, topic: &Arc<str>, record: &StateRecord) -> Result<Message, Error> {
    let bug = |error: serde_json::Error| {
        Error::new(ErrorKind::Bug, pipeline, format!("a state record has no JSON: {error}"))
    };
    let value = record.value.as_ref().map(serde_json::to_vec).transpose().map_err(bug)?;
    Ok(Message {
        topic: topic.clone(),
        partition: Some(partition_of(record.shard)),
        key: Some(serde_json::to_vec(&record.key).map_err(bug)?),
        value,
        headers: vec![(VERSION_HEADER.into(), Some(STATE_VERSION.to_string().into_bytes()))],
        timestamp_ms: None,
    })
}

/// Returns the state record of a message; a tombstone has no value.
///
/// # Errors
/// A record that this version cannot read, or that has a newer version, with its topic, partition and offset.
pub(crate) fn decode(pipeline: &str, record: &Record) -> Result<(StateKey, Option<StateValue>), Error> {
    let version = version(record);
    if version.is_none_or(|version| version > STATE_VERSION) {
        let found = version.map_or("an unknown version".to_owned(), |version| format!("version {version}"));
        let message = format!(
            "the state record {}[{}]@{} has {found}, and this program reads versions up to {STATE_VERSION}; run the \
             version of the program that wrote it",
            record.topic, record.partition, record.offset
        );
        return Err(Error::new(ErrorKind::NewerState, pipeline, message));
    }
    // The parser's own message may quote the record, so it is not repeated.
    let unreadable = |what: &str| {
        let message = format!(
            "the {what} of the state record {}[{}]@{} cannot be read: something else writes to the state topic, or a \
             newer version wrote this record",
            record.topic, record.partition, record.offset
        );
        Error::new(ErrorKind::State, pipeline, message)
    };
    let key = record.key.as_deref().and_then(|key| serde_json::from_slice(key).ok());
    let key = key.ok_or_else(|| unreadable("key"))?;
    let value = record.value.as_deref().map(serde_json::from_slice).transpose();
    Ok((key, value.map_err(|_| unreadable("value"))?))
}

/// Returns the version of a record, which is 1 without a header; `None` if the header is not a number.
fn version(record: &Record) -> Option<u32> {
    let header = record.headers.iter().find(|(name, _)| name == VERSION_HEADER);
    let Some((_, value)) = header else { return Some(1) };
    std::str::from_utf8(value.as_deref()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;

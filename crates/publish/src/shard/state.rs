//! The stored form of state records: JSON, so that a person can read the state topic.

use std::sync::Arc;

use spanbridge_kafka::{Message, Record};
use spanbridge_protocol::publish::{StateKey, StateRecord, StateValue};

use crate::pipeline::partition_of;
use crate::{Error, ErrorKind};

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
        headers: Vec::new(),
        timestamp_ms: None,
    })
}

/// Returns the state record of a message; a tombstone has no value.
///
/// # Errors
/// A record that this version cannot read, with its topic, partition and offset.
pub(crate) fn decode(pipeline: &str, record: &Record) -> Result<(StateKey, Option<StateValue>), Error> {
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

#[cfg(test)]
mod tests;

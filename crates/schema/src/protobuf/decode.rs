//! Decodes Protobuf payloads: the message index of Confluent's wire format, then one message.
//!
//! prost-reflect limits the nesting to a hundred messages, and nothing else. So `bounds` first walks each payload along
//! its descriptor, as for Avro.

use std::sync::Arc;

use prost_reflect::DynamicMessage;

use super::{MessageType, ProtobufSchema, bounds, converter, message_index};
use crate::datum::Datum;
use crate::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// Decodes a message index and exactly one message. Returns the message type that the index names, and the value.
///
/// With `keep_messages`, each record also holds its encoded message.
pub(crate) fn decode(
    schema: &Arc<ProtobufSchema>,
    payload: &[u8],
    limits: Limits,
    keep_messages: bool,
) -> Result<(MessageType, Datum)> {
    let (path, payload) = message_index::split(payload)?;
    let ty = schema.message(&path).ok_or_else(|| {
        Error::new(ErrorKind::Frame, format!("the schema has no message at the message index {path:?}"))
    })?;
    bounds::check(ty.descriptor(), payload, limits)?;
    // The library's errors may quote the data.
    let message = DynamicMessage::decode(ty.descriptor().clone(), payload).map_err(|_| {
        Error::new(ErrorKind::Payload, format!("the payload is not a message of type {}", ty.name()))
    })?;
    let datum = converter::convert(&ty, message, keep_messages);
    Ok((ty, datum))
}

#[cfg(test)]
mod tests;

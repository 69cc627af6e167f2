//! Protobuf: Confluent's message index, then one message.
//!
//! prost-reflect bounds the nesting at a hundred messages and nothing else. So [`bounds`] walks each
//! payload along its descriptor first, as is done for Avro.

mod bounds;
mod index;

use std::sync::Arc;

use prost_reflect::DynamicMessage;

use super::Limits;
use crate::datum::Datum;
use crate::protobuf::{Message, Protobuf};
use crate::{Error, Kind, Result};

/// Decodes a message index and exactly one message; which type it is, too. `keep`: each record has its message with it.
pub(crate) fn decode(
    schema: &Arc<Protobuf>,
    payload: &[u8],
    limits: Limits,
    keep: bool,
) -> Result<(Message, Datum)> {
    let (path, payload) = index::split(payload)?;
    let message = schema
        .message(&path)
        .ok_or_else(|| Error::new(Kind::Frame, format!("the schema has no message at index {path:?}")))?;
    bounds::check(message.descriptor(), payload, limits)?;
    // The library's errors may quote the data.
    let decoded = DynamicMessage::decode(message.descriptor().clone(), payload)
        .map_err(|_| Error::new(Kind::Payload, format!("the payload is not a {}", message.name())))?;
    let datum = message.datum(decoded, keep);
    Ok((message, datum))
}

#[cfg(test)]
mod tests;

//! Dead letters: the records that ingest could not apply.
//!
//! The worker writes and deletes dead letters in its commits. This module contains everything else that reads or writes
//! `BridgeDeadLetters` and `BridgeReplays`: [`DeadLetterPages`] lists them, [`DeadLetter::read`] returns one with its
//! record, [`delete`] and [`request_replays`] change listed ones, and [`PayloadDecoder`] decodes a record for display.
//! The command `spanbridge dead-letters` parses arguments and prints.
//!
//! Only the worker that owns a partition replays its dead letters. A request is a row of `BridgeReplays`, which the
//! worker reads with `requested_replays` (see docs/design/ingest-positions.md, "Revision of a position").

mod address;
mod bulk_update;
mod dead_letter;
mod filter;
mod framing;
mod headers;
mod pages;
mod payload_decoder;
mod protection;
mod requested_replays;
mod summary;

use spanbridge_protocol::ingest::{StoredPayload, TABLE_DEAD_LETTERS};
use spanbridge_protocol::value::{Type, Value};

use crate::{Error, ErrorKind};
pub use address::DeadLetterAddress;
pub use bulk_update::{MAX_ROWS_PER_TRANSACTION, delete, request_replays};
pub use dead_letter::DeadLetter;
pub use filter::DeadLetterFilter;
pub use pages::DeadLetterPages;
pub use payload_decoder::{PayloadDecoder, PayloadView};
pub use protection::DeadLetterProtection;
pub(crate) use requested_replays::{Replay, ReplayError, requested_replays};
pub use summary::DeadLetterSummary;

fn typed_columns(columns: &[(&str, Type)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect()
}

fn unexpected_row(pipeline: &str) -> Error {
    let message = format!("a row of {TABLE_DEAD_LETTERS} does not have the form that the migrations define");
    Error::new(ErrorKind::DeadLetterRow, pipeline, message)
}

/// Returns the stored record in the columns of a row; `None` if a column has another type.
fn stored_payload(key: Value, value: Value, headers: Value, envelope: Value) -> Option<StoredPayload> {
    let bytes = |value| match value {
        Value::Null => Some(None),
        Value::Bytes(bytes) => Some(Some(bytes)),
        _ => None,
    };
    let json = |value| match value {
        Value::Null => Some(None),
        Value::Json(json) => Some(Some(json)),
        _ => None,
    };
    Some(StoredPayload {
        key: bytes(key)?,
        value: bytes(value)?,
        headers: json(headers)?,
        envelope: json(envelope)?,
    })
}

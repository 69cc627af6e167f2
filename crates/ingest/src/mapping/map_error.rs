use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::WriterSchema;

use crate::ErrorKind;

/// The reason why a record has no changes.
#[derive(Debug)]
pub(crate) enum MapError {
    /// The record itself is invalid and becomes a dead letter.
    Record(Failure),
    /// The registry does not answer. A later attempt may succeed.
    Unavailable(String),
    /// The pipeline ends with an error of this kind.
    Stop(ErrorKind, String),
    /// The record is the first of a writer whose schema has fields without a known column.
    NewFields {
        /// The number of the target table.
        target: usize,
        /// The writer's schema.
        writer: Box<WriterSchema>,
    },
}

//! The metadata of a change record.

use spanbridge_protocol::value::Timestamp;

/// The metadata that a message shows besides the content of its change record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangeMetadata<'a> {
    pub(crate) token: &'a str,
    /// When the record was read from the change stream.
    pub(crate) read: Timestamp,
    /// When the record is transformed.
    pub(crate) now: Timestamp,
    /// The pipeline's low watermark, if the file asks for it.
    pub(crate) low_watermark: Option<Timestamp>,
    /// The events before the record, if the pipeline has a transaction topic.
    pub(crate) preceding: Option<PrecedingEvents>,
}

/// The events of a transaction before a change record, within the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrecedingEvents {
    /// Events of all tables.
    pub(crate) total: u64,
    /// Events of the record's table.
    pub(crate) table: u64,
}

use spanbridge_protocol::value::Timestamp;

/// What a message shows of its change record besides the record's own content.
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

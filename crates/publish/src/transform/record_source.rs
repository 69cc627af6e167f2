use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::DatabaseName;

/// Where all changes of a pipeline come from.
#[derive(Debug, Clone)]
pub(crate) struct RecordSource {
    pub(crate) pipeline: String,
    pub(crate) database: DatabaseName,
    pub(crate) change_stream: String,
}

/// How one change record came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangeMetadata<'a> {
    pub(crate) token: &'a str,
    /// When it was read from the change stream.
    pub(crate) read: Timestamp,
    /// When it is made into messages.
    pub(crate) now: Timestamp,
    /// Up to where the pipeline is complete, when that is told.
    pub(crate) low_watermark: Option<Timestamp>,
    /// When transactions are told of.
    pub(crate) order: Option<PrecedingEvents>,
}

/// What a transaction has before a change record, within its token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrecedingEvents {
    pub(crate) total: u64,
    /// Of the same table.
    pub(crate) table: u64,
}

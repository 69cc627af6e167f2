//! The identity of one change of one row, the same in the change stream and in published records.

use std::fmt;

use spanbridge_protocol::value::Timestamp;

use crate::error::{Error, ErrorKind, Result};

/// The identity of a change of one row in one transaction. The order is that in which the changes of a row happened.
///
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId {
    /// The commit timestamp of the transaction.
    pub commit_timestamp: Timestamp,
    /// The `server_transaction_id`. Transactions that share no rows may have the same commit timestamp.
    pub transaction_id: String,
    /// The `record_sequence`, parsed as a number.
    pub record_sequence: u64,
    /// The name of the table.
    pub table: String,
    /// The index of the row in its data change record, from 0.
    pub mod_number: usize,
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit_timestamp, transaction_id, record_sequence, table, mod_number } = self;
        write!(
            f,
            "{table} at {}, transaction {transaction_id}, record {record_sequence}, mod {mod_number}",
            commit_timestamp.format("%FT%T%.9fZ")
        )
    }
}

/// Parses a `record_sequence`.
pub(crate) fn parse_record_sequence(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        Error::unexpected(ErrorKind::RecordSequence, format!("the record sequence `{text}` is not a number"))
    })
}

//! What tells one change of one row from every other.

use std::fmt;

use spanbridge_protocol::value::Timestamp;

use crate::{Error, Kind, Result};

/// Identity of a change: of one row, in one transaction. Ordered as the changes of a row happened.
///
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId {
    pub commit: Timestamp,
    /// `server_transaction_id`: transactions that share no rows may share a commit timestamp.
    pub transaction: String,
    /// `record_sequence`, as the number that it is.
    pub sequence: u64,
    pub table: String,
    /// The row's place in its data change record, from 0.
    pub number: usize,
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, transaction, sequence, table, number } = self;
        write!(
            f,
            "{table} at {}, transaction {transaction}, record {sequence}, mod {number}",
            commit.format("%FT%T%.9fZ")
        )
    }
}

/// `record_sequence` as a number.
pub(crate) fn sequence(text: &str) -> Result<u64> {
    text.parse().map_err(|_| {
        Error::new(Kind::Failed, "change-sequence", format!("the record sequence `{text}` is not a number"))
    })
}

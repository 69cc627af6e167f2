//! The identity of a data change record.

use std::sync::Arc;

/// The identity of a data change record among the records of one commit timestamp.
///
/// Within a token, `record_sequence` numbers the records of a transaction, and each record belongs
/// to one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChangeId {
    /// The record's `server_transaction_id`.
    pub transaction: Arc<str>,
    /// The record's `record_sequence`.
    pub sequence: Arc<str>,
    /// The record's `table_name`.
    pub table: Arc<str>,
}

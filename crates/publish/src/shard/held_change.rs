//! A change record in the change handler, and its position in its Spanner transaction.

use std::sync::Arc;
use std::time::SystemTime;

use spanbridge_protocol::publish::{ChangeId, EventCounts, Token};
use spanbridge_spanner::DataChange;

/// A change that is to be published, which may have to wait for the transform of its table.
pub(super) struct HeldChange {
    pub(super) token: Token,
    pub(super) id: ChangeId,
    pub(super) change: Arc<DataChange>,
    pub(super) read: SystemTime,
    /// The trace of the Spanner transaction, from its tag.
    pub(super) trace: Option<[u8; 24]>,
    /// The events of the same transaction before this change.
    pub(super) before: EventCounts,
    pub(super) position: TransactionPosition,
}

/// The place of a change in its Spanner transaction.
pub(super) struct TransactionPosition {
    /// The token whose changes are counted together. In an atomic pipeline, where transactions are whole, this is
    /// the empty token for all changes.
    pub(super) counted_in: Token,
    /// True for the last change of the transaction in `counted_in`.
    pub(super) is_last: bool,
}

impl TransactionPosition {
    /// `continues` says for an atomic pipeline that the next change is of the same transaction.
    pub(super) fn new(is_atomic: bool, token: &Token, change: &DataChange, continues: bool) -> Self {
        if is_atomic {
            return Self { counted_in: Token("".into()), is_last: !continues };
        }
        Self { counted_in: token.clone(), is_last: change.is_last_record_in_transaction_in_partition }
    }
}

/// The identity of a change record in its token.
pub(super) fn change_id(change: &DataChange) -> ChangeId {
    ChangeId {
        transaction: change.server_transaction_id.as_str().into(),
        sequence: change.record_sequence.as_str().into(),
        table: change.table_name.as_str().into(),
    }
}

//! The reason why a record is not part of a batch.

use super::super::failure::Failure;

/// The reason why a record changes nothing in this batch.
pub(super) enum Rejection {
    /// The record cannot be applied in any batch.
    Failed(Failure),
    /// The record cannot share a commit with an earlier record of the batch.
    NeedsNextCommit,
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

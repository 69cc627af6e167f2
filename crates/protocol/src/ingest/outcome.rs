//! The outcome of a commit.

use super::failure::Failure;

/// The outcome of a commit, as the service concludes it from Spanner's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The commit has been applied.
    Committed {
        /// The number of mutations that Spanner counted, if it returned commit statistics.
        mutations: Option<u64>,
    },
    /// The commit has not been applied. The same commit may succeed later.
    Aborted,
    /// The commit has not been applied because of its data.
    Rejected(Failure),
    /// The commit has not been applied because it is too large. A part of it may succeed.
    TooLarge(Failure),
    /// The commit has not been applied because a row was missing or already existed. Either another
    /// worker has consumed a position, or the data is invalid.
    Fenced(Failure),
    /// The outcome is unknown: the commit may have been applied, or may still be.
    InDoubt,
}

//! The number of changes that the mapping's own rules leave out.

/// The number of changes that were left out of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkipCounts {
    /// Rows whose version is older than the stored one.
    pub superseded: usize,
    /// Additions to windows that are closed, under `late = "drop"`.
    pub late: usize,
}

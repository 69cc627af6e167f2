//! Commits: their locks, their limits, and their log.

mod claims;
mod limits;
mod log;

pub(crate) use claims::Claims;
pub use limits::Limits;
pub(crate) use log::Draft;
pub use log::{CommitLog, CommitRecord, Kind, TableRows};

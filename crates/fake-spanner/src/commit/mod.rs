//! How commits run side by side, what limits one, and what is remembered of each.

mod claims;
mod limits;
mod log;

pub(crate) use claims::Claims;
pub use limits::Limits;
pub(crate) use log::Draft;
pub use log::{CommitLog, CommitRecord, Kind, TableRows};

//! Change streams: what commits write to them, how their partitions split and merge, and what a query of one tells.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details>.
//!
//! Keys fall into partitions by hash, so that a transaction over several keys falls into several partitions.
//! Partitions change only when a test says so. Transactions of one commit timestamp come in another order with each
//! query, as nothing promises one. What counts as changed is what was written, as with the emulator.

mod control;
mod partition;
mod query;
mod record;
mod streams;
mod wire;

pub use control::{ChangeStreamControl, TokenInfo};
pub(crate) use query::{Query, Rows};
pub(crate) use record::{Commitment, RowChange};
pub(crate) use streams::Streams;
pub(crate) use wire::row_type;

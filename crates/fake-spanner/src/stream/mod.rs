//! Change streams: the records of commits, the splits and merges of partitions, and their queries.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details>.
//!
//! Keys fall into partitions by hash, so that a transaction over several keys falls into several partitions.
//! Partitions change only on request of a test. Transactions with the same commit timestamp have a different order in each
//! query, since Spanner guarantees none. A written column counts as changed, as in the emulator.

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

//! The fold of a batch into the mutations of one commit.
//!
//! A thousand records of ten groups become ten row writes. The fold needs the stored states of some rows:
//! [`StoredStates::look_up`] names the ones that the cache does not have, and the worker reads them first.
//! The fold itself is a pure function of the batch, these states and the stream times.
//!
//! ```text
//!  PendingRecord ─▶ changes ─┬─ Row, Delete ──▶ row_writes ──────┐
//!                            └─ Group ──┬────▶ group_states ─────┼──▶ mutations, in this order: deletes,
//!                                       └────▶ group_windows ────┘    then writes in target order,
//!  failures ────────────────────────────────▶ dead letters ──────┘    then dead letters
//! ```
//!
//! A record changes everything or nothing. Its changes are first staged in each component and applied
//! only if none of them is rejected. A record that cannot share a commit with an earlier one ends the batch
//! ("Batch cut", docs/design/ingest-batches.md).
//!
//! * `batch_fold`: the loop over the records, and the result.
//! * `commit_order`: the cascades and unique indexes by which the order of a batch's changes decides.
//! * `row_writes`: rows of which one record writes one row.
//! * `group_states`: aggregates whose rows the event time alone determines, with `aggregate_rows`.
//! * `group_windows`: sliding windows and sessions, of which a record changes several together.
//! * `stored_states`: the stored states that a batch depends on, with `needed_windows`.
//! * `failures`, `rejection`, `skip_counts`: why a record changes less than it asks for.

mod aggregate_rows;
mod batch_fold;
mod commit_order;
mod failures;
mod group_states;
mod group_windows;
mod needed_windows;
mod rejection;
mod row_writes;
mod skip_counts;
mod stored_states;
#[cfg(test)]
mod tests;

pub(super) use batch_fold::{FoldResult, fold};
pub use skip_counts::SkipCounts;
pub(super) use stored_states::{MissingStates, StoredStates};

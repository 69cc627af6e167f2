//! The guards that exactly-once depends on. Tests can disable each of them.
//!
//! A guard is a condition in a state machine that carries out one rule of `docs/design`. The code
//! asks [`is_enforced`] at the place of that condition. In a service the answer is always true. The
//! simulation disables one guard at a time with [`run_without`] and requires that its checker then
//! finds an error: this proves that the simulation exercises the rule.

/// One guard, with the design rule that it carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A commit updates the position row that it starts from.
    /// "Position consumption" (docs/design/ingest-positions.md).
    PositionConsumption,
    /// A commit that leaves the offset unchanged increases the position's revision.
    /// "Revision of a position" (docs/design/ingest-positions.md).
    PositionRevision,
    /// The position follows the consumer over control records and aborted records.
    /// "Position at the end" (docs/design/ingest-positions.md).
    PositionAtEnd,
    /// A log whose records differ from the fingerprints of the position is not read.
    /// "Identity of a log" (docs/design/ingest-positions.md).
    LogReplacedIsNoticed,
    /// The first record tells a truncated log that has grown again from a replaced one.
    /// "Identity of a log" (docs/design/ingest-positions.md).
    FirstRecordTellsTruncation,
    /// A position that skips a truncation moves to the end of the log.
    /// "Gap in the log" (docs/design/ingest-positions.md).
    TruncationIsNoStart,
    /// Rows with several writers are read under lock in the transaction that writes them.
    /// "Shared rows are read under lock" (docs/design/ingest-batches.md).
    SharedRowsUnderLock,
    /// A batch whose stored states are too many for one read is split.
    /// "Bisection of a rejected batch" (docs/design/ingest-batches.md).
    WideReadIsSplit,
    /// A batch ends where a delete and a write meet along ON DELETE CASCADE.
    /// "Batch cut" (docs/design/ingest-batches.md).
    CascadeEndsBatch,
    /// A batch ends where the order of two rows decides about a unique index.
    /// "Batch cut" (docs/design/ingest-batches.md).
    UniqueIndexEndsBatch,
    /// `init_transactions` precedes the reading of the stored state.
    /// "Fence before read" (docs/design/publish-takeover.md).
    FenceBeforeRead,
    /// A frontier contains the changes that were already emitted at its timestamp.
    /// "Frontier set" (docs/design/publish-frontier-and-lineage.md).
    FrontierSet,
    /// A child token starts after all its parents have finished.
    /// "Parents before child" (docs/design/publish-frontier-and-lineage.md).
    ParentsBeforeChild,
    /// The watermark covers child tokens that were announced during the round.
    /// "Two rounds" (docs/design/publish-watermark.md).
    TwoRounds,
    /// A follower that has paused for long reads the state topic from its beginning.
    /// "No progress across a pause" (docs/design/publish-watermark.md).
    NoProgressAcrossPause,
    /// A partition is read when the reader's position has reached the end that was asked for. The reader is
    /// in `crates/kafka`, so the simulation removes the rule from its model of it.
    /// "The end is an offset" (docs/design/publish-watermark.md).
    #[cfg(any(test, feature = "simulation"))]
    EndIsAnOffset,
    /// The root tokens are queried after the initial snapshot has been read.
    /// "Snapshot before changes" (docs/design/publish-snapshots.md).
    SnapshotBeforeChanges,
    /// The barrier's timestamp is chosen after every shard has paused.
    /// "All shards pause first" (docs/design/publish-snapshots.md).
    AllShardsPauseFirst,
    /// The timestamp at which a shard pauses covers its finished tokens up to their children's start.
    /// "Children of finished tokens" (docs/design/publish-snapshots.md).
    ChildrenOfFinishedTokens,
    /// Rows are read after all changes up to the barrier have been published.
    /// "Changes before their rows" (docs/design/publish-snapshots.md).
    ChangesBeforeTheirRows,
    /// The barrier is removed after the rows read at it have been published.
    /// "Rows within the barrier" (docs/design/publish-snapshots.md).
    RowsWithinBarrier,
    /// A Spanner transaction waits until no token can still deliver a part of it.
    /// "Every token has passed" (docs/design/publish-atomic.md).
    EveryTokenHasPassed,
    /// A Spanner transaction is published within one Kafka transaction.
    /// "Transactions are never split" (docs/design/publish-atomic.md).
    TransactionsNeverSplit,
    /// The event counts of a token restart when its query restarts.
    /// "Transaction counts restart" (docs/design/publish-auxiliary-topics.md).
    TransactionCountsRestart,
}

/// Returns whether the guard is in force; always true in a service.
#[cfg(not(any(test, feature = "simulation")))]
pub(crate) const fn is_enforced(_: Guard) -> bool {
    true
}

#[cfg(any(test, feature = "simulation"))]
thread_local! {
    static DISABLED: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

/// Returns whether the guard is in force on this thread.
#[cfg(any(test, feature = "simulation"))]
pub(crate) fn is_enforced(guard: Guard) -> bool {
    DISABLED.get() != Some(guard)
}

/// Runs `body` on this thread with the guard disabled.
#[cfg(test)]
pub(crate) fn run_without<T>(guard: Guard, body: impl FnOnce() -> T) -> T {
    DISABLED.set(Some(guard));
    let result = body();
    DISABLED.set(None);
    result
}

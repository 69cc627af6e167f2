//! The guards that exactly-once stands on, each of which the simulation can take away.

/// One guard. Without any single one of them the simulation's checker must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The commit's Update of the position row it consumes (ingest).
    PositionConsumption,
    /// The revision, without which a change in place leaves the position that others hold (ingest).
    PositionRevision,
    /// Rows that others write too are read under lock, in the transaction that writes them (ingest).
    SharedRowsUnderLock,
    /// `init_transactions` before the state is read (publish, rule 1).
    FenceBeforeRead,
    /// The set of changes already emitted at the frontier's timestamp (publish, rule 3).
    FrontierSet,
    /// The tokens begin only when the snapshot has been read (publish).
    SnapshotBeforeChanges,
    /// A child starts only when all its parents have finished (publish, rule 4).
    ParentsBeforeChild,
    /// The furthest that any shard has come is known before rows are read again as of then (publish).
    AllShardsPauseFirst,
    /// A finished token may have emitted changes up to its children's start (publish, rows read again).
    StartedChildrenCount,
    /// Rows are read again only when all changes that they hold are published (publish).
    ChangesBeforeTheirRows,
    /// Changes go on only when the rows of a hold are published (publish).
    RowsWithinBarrier,
    /// A transaction waits until no token can still have a part of it (publish, atomic).
    EveryTokenHasPassed,
    /// A Kafka transaction holds Spanner transactions whole (publish, atomic).
    TransactionsNeverSplit,
    /// What is noted during a round counts, though its child may have finished by its end (publish, watermark).
    TwoRounds,
    /// A token's changes are counted anew when its query resumes (publish, transactions' beginnings and ends).
    TransactionCountsRestart,
}

/// Always true in a service.
#[cfg(not(test))]
pub(crate) const fn is_enforced(_: Guard) -> bool {
    true
}

#[cfg(test)]
thread_local! {
    static REMOVED: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn is_enforced(guard: Guard) -> bool {
    REMOVED.get() != Some(guard)
}

/// Runs `body` with that guard taken away.
#[cfg(test)]
pub(crate) fn run_without<T>(guard: Guard, body: impl FnOnce() -> T) -> T {
    REMOVED.set(Some(guard));
    let result = body();
    REMOVED.set(None);
    result
}

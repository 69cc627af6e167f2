//! The guards that exactly-once stands on, each of which the simulation can take away.

/// One guard. Without any single one of them the simulation's checker must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The commit's Update of the position row it consumes (ingest).
    ConsumePosition,
    /// The revision, without which a change in place leaves the position that others hold (ingest).
    Revise,
    /// Rows that others write too are read under lock, in the transaction that writes them (ingest).
    ReadUnderLock,
    /// `init_transactions` before the state is read (publish, rule 1).
    InitBeforeRead,
    /// The set of changes already emitted at the frontier's timestamp (publish, rule 3).
    FrontierSet,
    /// The tokens begin only when the snapshot has been read (publish).
    SnapshotFirst,
    /// A child starts only when all its parents have finished (publish, rule 4).
    AllParents,
    /// The furthest that any shard has come is known before rows are read again as of then (publish).
    HaltFirst,
    /// A finished token may have emitted changes up to its children's start (publish, rows read again).
    PassedChildren,
    /// Rows are read again only when all changes that they hold are published (publish).
    HeldAreOut,
    /// Changes go on only when the rows of a hold are published (publish).
    ReadInHold,
    /// A transaction waits until no token can still have a part of it (publish, atomic).
    EveryToken,
    /// A Kafka transaction holds Spanner transactions whole (publish, atomic).
    NeverSplit,
    /// What is noted during a round counts, though its child may have finished by its end (publish, watermark).
    NotesOfRound,
    /// A token's changes are counted anew when its query resumes (publish, transactions' beginnings and ends).
    CountAnew,
}

/// Always true in a service.
#[cfg(not(test))]
pub(crate) const fn stands(_: Guard) -> bool {
    true
}

#[cfg(test)]
thread_local! {
    static REMOVED: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn stands(guard: Guard) -> bool {
    REMOVED.get() != Some(guard)
}

/// Runs `body` with that guard taken away.
#[cfg(test)]
pub(crate) fn without<T>(guard: Guard, body: impl FnOnce() -> T) -> T {
    REMOVED.set(Some(guard));
    let result = body();
    REMOVED.set(None);
    result
}

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

//! Two workers that both own one partition, and the position row between them.
//!
//! The workers are `spanbridge_protocol::ingest::Worker`, and the rows are what their mutations make of them.
//! The consumer group fences nobody: both workers fetch and commit the same records. A commit request may be
//! sent twice, may arrive long after its worker has given it up, and its answer may be lost. The log expires,
//! and the topic may be created again. `Flaw` removes one rule of docs/design/ingest-positions.md.
//!
//! | file | contents |
//! | --- | --- |
//! | `workers` | the states of the real worker |
//! | `spanner`, `log` | the database and the log |
//! | `process` | one process, and the requests that it waits for |
//! | `state` | the whole system, and its steps |
//! | `properties` | what must hold |

mod log;
mod process;
mod properties;
mod spanner;
mod state;
mod workers;

use spanbridge_protocol::ingest::OnGap;
use stateright::{Model, Property};

pub use process::{Sender, Waiting};
pub use spanner::{PositionRow, StoredRows};
pub use state::{Request, State, Step};
pub use workers::Stop;
use workers::Workers;

/// A record of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogRecord {
    /// 0 for the first log, 1 for the topic that was created after it.
    pub log: u8,
    /// The offset.
    pub offset: i64,
}

/// The answer to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The commit has been applied.
    Committed,
    /// The commit has not been applied and never will be.
    Aborted,
    /// A row was missing, or existed already.
    Fenced,
    /// Nobody knows.
    InDoubt,
}

/// One rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// All rules hold.
    None,
    /// A commit does not update the position row that it starts from.
    PositionNotConsumed,
    /// A registration does not insert the parent row.
    NoParentRow,
    /// Positions have no revision.
    NoRevision,
    /// Positions and partitions have no fingerprints.
    NoFingerprint,
    /// A commit without an answer counts as committed.
    DoubtIsSuccess,
}

/// The bounds of the exploration: the log, and how often each fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// The number of offsets of the first log. The last one is a control record.
    pub offsets: i64,
    /// Commits whose worker gives up waiting. The request stays in the network.
    pub doubts: u8,
    /// Commit requests that are sent twice.
    pub duplicates: u8,
    /// Commits that Spanner aborts.
    pub aborts: u8,
    /// Workers that crash and start again.
    pub crashes: u8,
    /// Offsets that retention removes from the start of the log.
    pub expiries: u8,
    /// The topic that is created again; `None` for no such event.
    pub replacement: Option<Replacement>,
}

impl Bounds {
    fn notice(self) -> Notice {
        self.replacement.map_or(Notice::SinceComparison, |replacement| replacement.notice)
    }
}

/// A topic that is created again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Replacement {
    /// The number of offsets of its log. The last one is a control record.
    pub offsets: i64,
    /// The number of records that are applied before.
    pub min_applied: usize,
    /// The fetches to which the brokers report an error.
    pub notice: Notice,
    /// True for `on_gap = "skip"`, false for `on_gap = "stop"`.
    pub skips: bool,
}

/// The fetches to which the brokers report that the topic no longer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Each fetch that started before the topic was created again.
    SinceComparison,
    /// Each fetch that had received a record or the end before the topic was created again.
    SinceFirstFetch,
    /// No fetch: the process sent no request between the deletion and the creation.
    Never,
}

/// No fault.
const NO_FAULT: Bounds =
    Bounds { offsets: 3, doubts: 0, duplicates: 0, aborts: 0, crashes: 0, expiries: 0, replacement: None };

/// A log with `offsets` offsets that takes the place of the first one. The partition continues at its start.
const fn replaced_by(offsets: i64) -> Option<Replacement> {
    Some(Replacement { offsets, min_applied: 0, notice: Notice::SinceComparison, skips: true })
}

/// The bounds that the tests explore.
pub const BOUNDS: [Bounds; 6] = [
    Bounds { doubts: 1, duplicates: 1, ..NO_FAULT },
    Bounds { doubts: 1, crashes: 1, ..NO_FAULT },
    Bounds { doubts: 1, expiries: 1, ..NO_FAULT },
    Bounds { aborts: 1, crashes: 1, ..NO_FAULT },
    Bounds { replacement: replaced_by(2), ..NO_FAULT },
    REGROWN_LOG,
];

/// The bounds of a topic that is created again with a log that contains the stored position.
pub const REGROWN_LOG: Bounds = Bounds { replacement: replaced_by(4), ..NO_FAULT };

/// The bounds that only `cargo run -p model` explores, because they have many states.
pub const WIDE_BOUNDS: Bounds = Bounds { doubts: 1, replacement: replaced_by(2), ..NO_FAULT };

/// The model.
pub struct Ingest {
    /// The rule that is left out.
    pub flaw: Flaw,
    /// The bounds.
    pub bounds: Bounds,
    workers: Workers,
}

impl Ingest {
    /// Creates a model.
    #[must_use]
    pub fn new(flaw: Flaw, bounds: Bounds) -> Self {
        let skips = bounds.replacement.is_none_or(|replacement| replacement.skips);
        let workers = Workers::new(if skips { OnGap::Skip } else { OnGap::Stop });
        Self { flaw, bounds, workers }
    }
}

impl Model for Ingest {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.bounds)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        Some(last.after(step, self))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self.bounds)
    }
}

use crate::ErrorKind;

/// What is foreseen of one table, or of the change stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    pub outcome: Outcome,
    /// That of the error with which the pipeline would stop, or of its dead letters; or that of what is foreseen.
    pub code: &'static str,
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What becomes of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on, and what it publishes changes.
    Changes,
    /// It goes on, and something is not published any more.
    Ends,
    /// It goes on, and changes go to its dead letters.
    DeadLetters,
    /// It stops.
    Stops,
}

/// The code of what is no error.
const CHANGE: &str = "SB-CHECK-CHANGE";

impl Impact {
    pub(super) fn change(message: String, help: &str) -> Self {
        Self { outcome: Outcome::Changes, code: CHANGE, message, help: help.to_owned() }
    }

    pub(super) fn ends(message: String, help: &str) -> Self {
        Self { outcome: Outcome::Ends, ..Self::change(message, help) }
    }

    pub(super) fn letters(message: String, help: &str) -> Self {
        Self { outcome: Outcome::DeadLetters, code: ErrorKind::Schema.code(), ..Self::change(message, help) }
    }

    pub(super) fn stop(kind: ErrorKind, message: String, help: &str) -> Self {
        Self { outcome: Outcome::Stops, code: kind.code(), ..Self::change(message, help) }
    }
}

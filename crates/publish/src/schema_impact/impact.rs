//! The result of the analysis.

use spanbridge_config::Publish;

use crate::ErrorKind;

/// The impact of a schema change on one table or on the change stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// The consequence for the pipeline.
    pub outcome: Outcome,
    /// The code of the error with which the pipeline would stop, or of its dead letters; otherwise the code of a
    /// change in what is published.
    pub code: &'static str,
    /// A description of the change, with the table or change stream.
    pub message: String,
    /// The advice to the user.
    pub help: String,
}

/// The consequence of a schema change for a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The pipeline continues, and what it publishes changes.
    Changes,
    /// The pipeline continues, and publishes something no longer.
    Ends,
    /// The pipeline continues, and changes become dead letters.
    DeadLetters,
    /// The pipeline stops.
    Stops,
}

/// The code of an impact with which the pipeline continues.
const CHANGE_CODE: &str = "SB-CHECK-CHANGE";

impl Impact {
    pub(super) fn change(message: String, help: &str) -> Self {
        Self { outcome: Outcome::Changes, code: CHANGE_CODE, message, help: help.to_owned() }
    }

    pub(super) fn end(message: String, help: &str) -> Self {
        Self { outcome: Outcome::Ends, ..Self::change(message, help) }
    }

    pub(super) fn dead_letters(message: String, help: &str) -> Self {
        Self { outcome: Outcome::DeadLetters, code: ErrorKind::Schema.code(), ..Self::change(message, help) }
    }

    pub(super) fn stop(kind: ErrorKind, message: String, help: &str) -> Self {
        Self { outcome: Outcome::Stops, code: kind.code(), ..Self::change(message, help) }
    }
}

/// The part of a message that announces the end of the pipeline.
pub(super) fn would_stop(publish: &Publish, when: &str) -> String {
    format!("publish {} would stop {when}", publish.name)
}

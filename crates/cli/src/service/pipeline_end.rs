//! The failure of a supervised pipeline, with the error that the process reports.

use std::fmt::{self, Display};

use spanbridge_config::ErrorKind as ConfigKind;
use spanbridge_service::{FailureClass, PipelineFailure};

use crate::error::{Error, ErrorKind};

/// The failure of a supervised pipeline.
#[derive(Debug)]
pub(super) struct PipelineEnd {
    class: FailureClass,
    error: Error,
}

impl PipelineEnd {
    /// Returns the error that decides the exit code of the process.
    pub(super) fn into_error(self) -> Error {
        self.error
    }
}

impl PipelineFailure for PipelineEnd {
    fn class(&self) -> FailureClass {
        self.class
    }

    fn code(&self) -> &str {
        self.error.code()
    }

    fn panicked(pipeline: &str) -> Self {
        let message =
            format!("pipeline {pipeline} panicked; report this bug with the panic's message in the log");
        let error = Error::new(ErrorKind::Failed, "SB-CLI-PIPELINE-PANIC", message);
        Self { class: FailureClass::Retriable, error }
    }
}

impl Display for PipelineEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<spanbridge_ingest::Error> for PipelineEnd {
    fn from(error: spanbridge_ingest::Error) -> Self {
        Self { class: error.class(), error: error.into() }
    }
}

impl From<spanbridge_publish::Error> for PipelineEnd {
    fn from(error: spanbridge_publish::Error) -> Self {
        Self { class: error.class(), error: error.into() }
    }
}

impl From<spanbridge_config::Error> for PipelineEnd {
    /// A secret that cannot be read while the file is replaced may be readable later.
    fn from(error: spanbridge_config::Error) -> Self {
        let class = match error.kind() {
            ConfigKind::Secret => FailureClass::Credentials,
            _ => FailureClass::Permanent,
        };
        Self { class, error: error.into() }
    }
}

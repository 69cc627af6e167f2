use crate::policy::{self, Action};

/// An error of a part underneath, before it is decided what it means for the pipeline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    #[error("{0}")]
    Spanner(#[from] spanbridge_spanner::Error),
    #[error("{0} ({code})", code = .0.code())]
    Schema(#[from] spanbridge_schema::Error),
    /// Something is not as it must be, and may be after another look.
    #[error("{0}")]
    Unclear(String),
    /// Nothing to decide any more.
    #[error("{0}")]
    Final(#[from] crate::Error),
}

impl Failure {
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Kafka(error) => policy::kafka(error.kind()),
            Self::Spanner(error) => policy::spanner(error.kind()),
            Self::Schema(error) => policy::schema(error.kind()),
            Self::Unclear(_) => Action::Forget,
            Self::Final(error) => Action::Stop(error.kind()),
        }
    }

    /// True if a read of rows as they were has come too late: Spanner keeps those of that time no longer.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Spanner(error) if policy::rows(error.kind()) == Action::Stop(crate::ErrorKind::Gone))
    }

    /// The stable code of the part's error.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Kafka(error) => error.code(),
            Self::Spanner(error) => error.kind().code(),
            Self::Schema(error) => error.code(),
            Self::Unclear(_) => "SB-PUBLISH-UNCLEAR",
            Self::Final(error) => error.kind().code(),
        }
    }

    /// The pipeline's error of that kind, with what was being done.
    pub(crate) fn stop(self, kind: crate::ErrorKind, pipeline: &str, doing: &str) -> crate::Error {
        match self {
            Self::Final(error) => error,
            failure => crate::Error::new(kind, pipeline, format!("{doing}: {failure}")),
        }
    }
}

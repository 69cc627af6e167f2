//! Errors, in Spanner's words.

use std::time::Duration;

use googleapis_tonic_google_spanner_v1::google::rpc::{RetryInfo, Status as Details};
use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};

/// An error of the fake: the code, and a message as close as known to Spanner's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code:?})")]
pub struct Error {
    code: Code,
    message: String,
    retry: Option<Duration>,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, message)
    }

    /// Creates the error for an unsupported feature.
    pub(crate) fn unimplemented(what: impl std::fmt::Display) -> Self {
        Self::new(Code::Unimplemented, format!("the fake does not support {what}"))
    }

    /// Adds the RetryInfo as Spanner does
    /// (<https://cloud.google.com/spanner/docs/reference/rpc/google.rpc#retryinfo>).
    pub(crate) fn aborted(message: impl Into<String>, retry: Duration) -> Self {
        Self { code: Code::Aborted, message: message.into(), retry: Some(retry) }
    }

    /// Returns the gRPC code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<Error> for Status {
    fn from(Error { code, message, retry }: Error) -> Self {
        let Some(retry) = retry else { return Self::new(code, message) };
        let retry_delay = prost_types::Duration {
            seconds: i64::try_from(retry.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(retry.subsec_nanos()).unwrap_or(0),
        };
        let info = RetryInfo { retry_delay: Some(retry_delay) };
        let info = Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: info.encode_to_vec(),
        };
        let details = Details { code: code.into(), message: message.clone(), details: vec![info] };
        Self::with_details(code, message, details.encode_to_vec().into())
    }
}

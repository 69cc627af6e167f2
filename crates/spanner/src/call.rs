//! One call: its time limit, and the failures that end a session.

use std::future::Future;
use std::time::Duration;

use google_cloud_gax::error::Error as ClientError;

use crate::error::{Call, Error};

/// The time that Spanner gets beyond the deadline to report the timeout itself.
const DEADLINE_GRACE: Duration = Duration::from_millis(500);

/// A failed call.
pub(crate) enum CallFailure {
    /// The session no longer exists.
    Session(Error),
    Other(Error),
}

impl From<CallFailure> for Error {
    fn from(failed: CallFailure) -> Self {
        match failed {
            CallFailure::Session(error) | CallFailure::Other(error) => error,
        }
    }
}

/// Runs one call within `limit`, plus a grace period in which Spanner may report the timeout itself.
pub(crate) async fn within<T>(
    call: Call<'_>,
    limit: Duration,
    attempt: impl Future<Output = std::result::Result<T, ClientError>>,
) -> std::result::Result<T, CallFailure> {
    match tokio::time::timeout(limit + DEADLINE_GRACE, attempt).await {
        Err(_) => Err(CallFailure::Other(Error::timeout(call, limit))),
        Ok(answer) => classify(call, answer),
    }
}

/// Separates the failures after which the session must be renewed.
pub(crate) fn classify<T>(
    call: Call<'_>,
    answer: std::result::Result<T, ClientError>,
) -> std::result::Result<T, CallFailure> {
    answer.map_err(|error| {
        let lost = error.status().is_some_and(|status| status.message.starts_with("Session not found"));
        let error = Error::client(call, &error);
        if lost { CallFailure::Session(error) } else { CallFailure::Other(error) }
    })
}

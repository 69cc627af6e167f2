//! The table from gRPC codes and client errors to [`ErrorKind`].

use std::time::Duration;

use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::error::rpc::{Code, StatusDetails};

use super::text::{self, Names};
use super::{Error, ErrorKind};

/// The size in bytes above which `RESOURCE_EXHAUSTED` means "too large" instead of "throttled".
/// Source of the limit of 100 MiB: <https://cloud.google.com/spanner/quotas#limits-for>.
const LARGE_COMMIT: usize = 50 << 20;

/// The kind of the failed call, which decides what its failure means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call<'a> {
    /// A commit that uses these names, of about `size` bytes.
    Commit { names: &'a Names, size: usize },
    /// A read by key that uses these names. The text of its errors may contain keys.
    Keys(&'a Names),
    /// A query or a session. The text of its errors contains literals but no values of rows.
    Read(&'static str),
    /// A change stream query.
    Changes,
    /// A change of instance, database or schema.
    Admin(&'static str),
    /// A schema change in a database without rows.
    DryRun,
}

impl Call<'_> {
    fn action(self) -> &'static str {
        match self {
            Self::Commit { .. } => "commit",
            Self::Keys(_) => "read",
            Self::Read(action) | Self::Admin(action) => action,
            Self::Changes => "change stream",
            Self::DryRun => "statement",
        }
    }

    fn is_commit(self) -> bool {
        matches!(self, Self::Commit { .. })
    }

    /// Returns the kind for a missing answer: a commit may have taken effect.
    fn unanswered(self) -> ErrorKind {
        if self.is_commit() { ErrorKind::InDoubt } else { ErrorKind::Unavailable }
    }
}

impl Error {
    /// Creates the error for a call that exceeded its limit.
    pub(crate) fn timeout(call: Call<'_>, limit: Duration) -> Self {
        Self::new(call.unanswered(), call.action(), format!("no answer within {limit:?}"))
    }

    /// Converts the client library's error.
    pub(crate) fn client(call: Call<'_>, error: &ClientError) -> Self {
        let Some(status) = error.status() else {
            return match of_gateway(error) {
                Some((code, text)) => Self::status(call, code, &text),
                None => Self::without_status(call, error),
            };
        };
        let mut result = Self::status(call, status.code, &status.message);
        result.retry_after = status.details.iter().find_map(|detail| match detail {
            StatusDetails::RetryInfo(info) => info.retry_delay.and_then(|delay| delay.try_into().ok()),
            _ => None,
        });
        result
    }

    fn status(call: Call<'_>, code: Code, text: &str) -> Self {
        let message = match call {
            // These texts are about the service, not about rows.
            _ if matches!(
                code,
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::Cancelled
                    | Code::PermissionDenied
                    | Code::Unauthenticated
            ) =>
            {
                text::redact(text)
            }
            Call::Commit { .. } if code == Code::Aborted => {
                "another transaction conflicts with this one".to_owned()
            }
            Call::Commit { names, .. } | Call::Keys(names) => text::of_rows(text, names),
            Call::DryRun => text::shorten(text),
            _ => text::redact(text),
        };
        let kind = kind(call, code, text::MessageHints::of(text));
        let mut result = Self::new(kind, call.action(), format!("{}: {message}", code.name()));
        if let Call::Commit { names, .. } | Call::Keys(names) = call {
            result.table = names.table_of(text);
        }
        result
    }

    /// Converts an error of the transport, of authentication or of the client itself. Their texts are about addresses and
    /// certificates; those of serialization may contain values and are withheld.
    fn without_status(call: Call<'_>, error: &ClientError) -> Self {
        let (kind, message) = if error.is_connect() {
            (ErrorKind::Unavailable, format!("cannot connect: {}", causes(error)))
        } else if error.is_authentication() {
            let kind =
                if error.is_transient_and_before_rpc() { ErrorKind::Unavailable } else { ErrorKind::Denied };
            (kind, format!("cannot authenticate: {}", causes(error)))
        } else if error.is_serialization() || error.is_binding() {
            (ErrorKind::Bug, "the client library cannot send this request".to_owned())
        } else if error.is_deserialization() {
            let kind = if call.is_commit() { ErrorKind::InDoubt } else { ErrorKind::Bug };
            (kind, "the client library cannot read the answer".to_owned())
        } else if error.is_timeout() {
            (call.unanswered(), "no answer within the deadline".to_owned())
        } else {
            (call.unanswered(), format!("the connection failed: {}", causes(error)))
        };
        Self::new(kind, call.action(), message)
    }
}

/// Maps a gRPC code to a kind. A code that does not determine the outcome of a commit leaves it in doubt.
///
/// Sources: <https://cloud.google.com/spanner/docs/error-codes> and the emulator's answers.
fn kind(call: Call<'_>, code: Code, hints: text::MessageHints) -> ErrorKind {
    match (code, call) {
        (Code::NotFound, _) if hints.session => ErrorKind::Unavailable,
        // The transaction has ended, so this commit did not take effect.
        (
            Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition,
            Call::Commit { .. } | Call::Keys(_),
        ) if hints.transaction => ErrorKind::Aborted,
        (Code::NotFound, _) if hints.schema => ErrorKind::Config,
        (Code::NotFound, Call::Commit { .. }) if hints.parent => ErrorKind::Rejected,
        (Code::NotFound, Call::Changes) => ErrorKind::Expired,
        (Code::NotFound, _) => ErrorKind::NotFound,

        (Code::AlreadyExists, Call::Commit { .. }) if hints.unique => ErrorKind::Rejected,
        (Code::AlreadyExists, _) => ErrorKind::AlreadyExists,

        (Code::InvalidArgument | Code::FailedPrecondition, Call::Commit { .. }) if hints.too_large => {
            ErrorKind::TooLarge
        }
        (Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange, Call::Commit { .. }) => {
            ErrorKind::Rejected
        }
        // A read at a timestamp whose versions have been garbage-collected is one of these too.
        (
            Code::OutOfRange | Code::InvalidArgument | Code::FailedPrecondition,
            Call::Changes | Call::Keys(_) | Call::Read(_),
        ) if hints.expired => ErrorKind::Expired,
        // The emulator's answer to a second schema change; Spanner itself queues them.
        (Code::FailedPrecondition, Call::Admin(_) | Call::DryRun) if hints.concurrent => ErrorKind::Aborted,
        (Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unimplemented, _) => {
            ErrorKind::Config
        }

        (Code::ResourceExhausted, Call::Commit { size, .. }) if size > LARGE_COMMIT || hints.too_large => {
            ErrorKind::TooLarge
        }
        (Code::ResourceExhausted, _) => ErrorKind::Unavailable,

        (Code::Aborted, _) => ErrorKind::Aborted,
        (Code::PermissionDenied | Code::Unauthenticated, _) => ErrorKind::Denied,

        // Cancelled, Unknown, DeadlineExceeded, Internal, Unavailable, DataLoss, and future codes.
        _ => call.unanswered(),
    }
}

/// Reads an error of the emulator's gateway, `{"code":6,"message":"…"}`, which the client library does not recognise as an
/// answer of the service.
fn of_gateway(error: &ClientError) -> Option<(Code, String)> {
    let payload: serde_json::Value = serde_json::from_slice(error.http_payload()?).ok()?;
    let text = payload.get("message")?.as_str()?;
    if text == "failed to marshal error message" {
        // The gateway cannot forward an error with details, and only a missing resource has details.
        return Some((Code::NotFound, "Instance not found, or database not found".to_owned()));
    }
    let code = i32::try_from(payload.get("code")?.as_i64()?).ok()?;
    Some((Code::from(code), text.to_owned()))
}

/// Joins the chain of causes, each once.
fn causes(error: &ClientError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = text::redact(&error.to_string());
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    if texts.is_empty() { "no cause given".to_owned() } else { texts.join(": ") }
}

#[cfg(test)]
mod tests {
    use google_cloud_gax::error::rpc::Status;

    use super::*;

    fn of(call: Call<'_>, code: Code, message: &str) -> Error {
        Error::client(call, &ClientError::service(Status::default().set_code(code).set_message(message)))
    }

    #[test]
    fn commit_codes_map_to_kinds() {
        let names = Names::new(["T"], ["Id"]);
        let commit = Call::Commit { names: &names, size: 0 };
        let large = Call::Commit { names: &names, size: LARGE_COMMIT + 1 };
        for (call, code, message, kind) in [
            (commit, Code::NotFound, "Table T: Row {Int64(2)} not found.", ErrorKind::NotFound),
            (commit, Code::NotFound, "Table not found: Nope", ErrorKind::Config),
            (commit, Code::NotFound, "Column not found in table T: Nope", ErrorKind::Config),
            (commit, Code::NotFound, "Database not found: projects/p", ErrorKind::Config),
            (commit, Code::NotFound, "Session not found: projects/p", ErrorKind::Unavailable),
            (
                commit,
                Code::NotFound,
                "Parent row for row [1] in table T is missing. Row cannot be written.",
                ErrorKind::Rejected,
            ),
            (commit, Code::AlreadyExists, "Row [1] in table T already exists", ErrorKind::AlreadyExists),
            (commit, Code::AlreadyExists, "UNIQUE violation on index I, duplicate key", ErrorKind::Rejected),
            (commit, Code::FailedPrecondition, "Cannot specify a null value", ErrorKind::Rejected),
            (commit, Code::OutOfRange, "Check constraint `T`.`C` is violated", ErrorKind::Rejected),
            (commit, Code::InvalidArgument, "Multiple values for column Id.", ErrorKind::Rejected),
            (
                commit,
                Code::InvalidArgument,
                "The transaction contains too many mutations.",
                ErrorKind::TooLarge,
            ),
            (
                commit,
                Code::InvalidArgument,
                "The transaction exceeds the maximum total bytes-size that can be handled by Spanner.",
                ErrorKind::TooLarge,
            ),
            (commit, Code::ResourceExhausted, "throttled", ErrorKind::Unavailable),
            (large, Code::ResourceExhausted, "", ErrorKind::TooLarge),
            (commit, Code::Aborted, "", ErrorKind::Aborted),
            (commit, Code::NotFound, "Transaction not found: {Bytes(1)}", ErrorKind::Aborted),
            (commit, Code::InvalidArgument, "Invalid transaction ID {1}", ErrorKind::Aborted),
            (
                commit,
                Code::FailedPrecondition,
                "This transaction has been invalidated by a later transaction in the same session.",
                ErrorKind::Aborted,
            ),
            (commit, Code::PermissionDenied, "", ErrorKind::Denied),
            (commit, Code::Unauthenticated, "", ErrorKind::Denied),
            (commit, Code::Unimplemented, "", ErrorKind::Config),
            (commit, Code::DeadlineExceeded, "", ErrorKind::InDoubt),
            (commit, Code::Unavailable, "", ErrorKind::InDoubt),
            (commit, Code::Cancelled, "", ErrorKind::InDoubt),
            (commit, Code::Internal, "", ErrorKind::InDoubt),
            (commit, Code::Unknown, "", ErrorKind::InDoubt),
            (commit, Code::DataLoss, "", ErrorKind::InDoubt),
        ] {
            assert_eq!(of(call, code, message).kind(), kind, "{code}: {message}");
        }
    }

    #[test]
    fn a_read_is_never_in_doubt() {
        for code in [Code::DeadlineExceeded, Code::Unavailable, Code::Cancelled, Code::Internal] {
            assert_eq!(of(Call::Read("read"), code, "").kind(), ErrorKind::Unavailable);
        }
        for (message, kind) in [
            ("Specified start_timestamp is too far in the past. Please specify", ErrorKind::Expired),
            ("This partition is no longer valid. All Change Stream records", ErrorKind::Expired),
            ("Invalid partition token.", ErrorKind::Expired),
            ("Specified start_timestamp is too far in the future. Please specify", ErrorKind::Config),
            ("heartbeat_milliseconds must be within min 1000", ErrorKind::Config),
        ] {
            assert_eq!(of(Call::Changes, Code::OutOfRange, message).kind(), kind, "{message}");
        }
        assert_eq!(of(Call::Read("query"), Code::InvalidArgument, "").kind(), ErrorKind::Config);
        let (names, stale) = (Names::new(["T"], ["Id"]), "has exceeded the maximum timestamp staleness");
        for call in [Call::Read("query"), Call::Keys(&names)] {
            assert_eq!(of(call, Code::FailedPrecondition, stale).kind(), ErrorKind::Expired);
        }
    }

    #[test]
    fn unsent_commit_is_not_in_doubt() {
        let names = Names::new(["T"], ["Id"]);
        let commit = Call::Commit { names: &names, size: 0 };
        assert_eq!(Error::client(commit, &ClientError::connect("refused")).kind(), ErrorKind::Unavailable);
        assert_eq!(Error::client(commit, &ClientError::io("reset")).kind(), ErrorKind::InDoubt);
        assert_eq!(Error::client(commit, &ClientError::timeout("late")).kind(), ErrorKind::InDoubt);
        assert_eq!(Error::timeout(commit, Duration::from_secs(1)).kind(), ErrorKind::InDoubt);
    }
}

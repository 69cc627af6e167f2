//! The mapping from the registry's answers, or their absence, to errors of this crate.

use std::error::Error as _;

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;

use super::incompatibility_message;
use crate::{Error, ErrorKind};

/// The error of a failed look-up of `what`.
pub(super) fn translate(error: &SRCError, what: &str) -> Error {
    match answer(error) {
        Some((status, code, message)) => status_error(status, code, &message, what),
        // No HTTP answer, or only a part of it: the connection was refused or reset, or the call timed out.
        None if error.retriable || is_truncated(error) => unreachable_registry(what),
        None => Error::new(ErrorKind::Rejected, format!("{what}: the registry's answer cannot be read")),
    }
}

/// The error of a failed registration. The status 409 means that the schema is incompatible.
pub(super) fn translate_registration(error: &SRCError, subject: &str, schema: &str) -> Error {
    match answer(error) {
        Some((409, _, message)) => {
            Error::incompatible(incompatibility_message::parse(subject, &[message], schema))
        }
        _ => translate(error, &format!("subject {subject}")),
    }
}

/// The error of an HTTP status other than success. `code` is the registry's own error code.
pub(super) fn status_error(status: u16, code: u32, message: &str, what: &str) -> Error {
    let kind = match (status, code) {
        (_, 40403) => ErrorKind::UnknownSchema,
        (_, 40401 | 40402) => ErrorKind::UnknownSubject,
        // This 404 comes from a wrong path or a proxy, not from the registry's API. So it must not turn records into
        // dead letters.
        (404, _) => ErrorKind::Configuration,
        (401 | 403, _) => ErrorKind::Unauthorized,
        (408 | 425 | 429 | 500..=599, _) => ErrorKind::Unavailable,
        _ => ErrorKind::Rejected,
    };
    let mut text: String = message.chars().take(500).collect();
    if kind == ErrorKind::Configuration {
        text.push_str("; check that `registry.url` is the root of the Confluent-compatible API");
    }
    Error::new(kind, format!("{what}: the registry answers {status} (code {code}): {text}"))
}

/// The error of a registry that does not answer.
pub(super) fn unreachable_registry(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what}: the schema registry does not answer"))
}

/// True if the connection ended inside the answer. False if the answer is complete but not JSON.
fn is_truncated(error: &SRCError) -> bool {
    let Some(answer) = error.source().and_then(|source| source.downcast_ref::<reqwest::Error>()) else {
        return false;
    };
    let mut cause = answer.source();
    while let Some(error) = cause {
        if error.is::<serde_json::Error>() {
            return false;
        }
        cause = error.source();
    }
    true
}

/// The HTTP status, the registry's error code and its message. The library has the status only in its error text.
fn answer(error: &SRCError) -> Option<(u16, u32, String)> {
    let (_, status) = error.error.split_once("failed with status ")?;
    let status = status.get(..3)?.parse().ok()?;
    let raw = error.source().and_then(|source| source.downcast_ref::<RawError>());
    let (code, message) = raw.map_or((0, String::new()), |raw| (raw.error_code, raw.message.clone()));
    Some((status, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_status_determines_the_error_kind() {
        for (status, code, kind) in [
            (404, 40403, ErrorKind::UnknownSchema),
            (404, 40401, ErrorKind::UnknownSubject),
            (404, 0, ErrorKind::Configuration),
            (401, 401, ErrorKind::Unauthorized),
            (429, 0, ErrorKind::Unavailable),
            (500, 50001, ErrorKind::Unavailable),
            (504, 0, ErrorKind::Unavailable),
            (422, 42201, ErrorKind::Rejected),
        ] {
            assert_eq!(status_error(status, code, "", "x").kind(), kind, "{status}");
        }
    }
}

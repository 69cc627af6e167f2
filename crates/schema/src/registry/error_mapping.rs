//! The mapping from the registry's answers, or their absence, to errors of this crate.

use crate::{Error, ErrorKind};

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
    // A server that refuses credentials may quote them.
    let message = if kind == ErrorKind::Unauthorized { "check the credentials" } else { message };
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

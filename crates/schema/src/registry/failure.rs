//! What an answer of the registry, or none, means for the caller.

use std::error::Error as _;

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;

use super::reason;
use crate::{Error, Kind};

/// A failed look-up of `what`.
pub(super) fn translate(error: &SRCError, what: &str) -> Error {
    match answer(error) {
        Some((status, code, message)) => status_error(status, code, &message, what),
        // No HTTP answer, or half of one: refused, reset, timed out.
        None if error.retriable || is_cut(error) => unreachable_registry(what),
        None => Error::new(Kind::Rejected, format!("{what}: the registry's answer cannot be read")),
    }
}

/// A failed registration: 409 is the registry's word for incompatible.
pub(super) fn translate_registration(error: &SRCError, subject: &str, schema: &str) -> Error {
    match answer(error) {
        Some((409, _, message)) => Error::incompatible(reason::read(subject, &[message], schema)),
        _ => translate(error, &format!("subject {subject}")),
    }
}

/// The error for an HTTP status that is no success.
pub(super) fn status_error(status: u16, code: u32, message: &str, what: &str) -> Error {
    let kind = match (status, code) {
        (_, 40403) => Kind::UnknownSchema,
        (_, 40401 | 40402) => Kind::UnknownSubject,
        // Not the registry's own answer: a wrong path or a proxy. Never a reason to dead-letter.
        (404, _) => Kind::Configuration,
        (401 | 403, _) => Kind::Unauthorized,
        (408 | 425 | 429 | 500..=599, _) => Kind::Unavailable,
        _ => Kind::Rejected,
    };
    let mut said: String = message.chars().take(500).collect();
    if kind == Kind::Configuration {
        said.push_str("; is the registry's URL that of its Confluent API?");
    }
    Error::new(kind, format!("{what}: the registry answers {status} (code {code}): {said}"))
}

pub(super) fn unreachable_registry(what: &str) -> Error {
    Error::new(Kind::Unavailable, format!("{what}: the schema registry does not answer"))
}

/// True when the answer broke off on its way, rather than being no JSON.
fn is_cut(error: &SRCError) -> bool {
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

/// HTTP status, the registry's code and its message. The library has the status in its text only.
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
    fn each_status_has_its_kind() {
        for (status, code, kind) in [
            (404, 40403, Kind::UnknownSchema),
            (404, 40401, Kind::UnknownSubject),
            (404, 0, Kind::Configuration),
            (401, 401, Kind::Unauthorized),
            (429, 0, Kind::Unavailable),
            (500, 50001, Kind::Unavailable),
            (504, 0, Kind::Unavailable),
            (422, 42201, Kind::Rejected),
        ] {
            assert_eq!(status_error(status, code, "", "x").kind(), kind, "{status}");
        }
    }
}

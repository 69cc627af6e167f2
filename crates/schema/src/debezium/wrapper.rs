//! Recognises values in which a row is wrapped.

use super::connect_json::unwrap_connect;
use crate::datum::Datum;
use crate::json;
use crate::limits::Limits;

/// The wrapper of a row in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    /// Debezium's envelope, also inside the `{schema, payload}` of Connect's JSON converter.
    Debezium,
    /// The `{schema, payload}` of Connect's JSON converter.
    Connect,
}

impl Wrapper {
    /// Recognises the wrapper of a JSON text. `None`: the text has none, or is not JSON.
    #[must_use]
    pub fn of_json(text: &[u8]) -> Option<Self> {
        let value = json::decode(text, Limits::default()).ok()?;
        let is_envelope =
            |value: &Datum| ["op", "after", "before", "source"].iter().all(|name| value.get(name).is_some());
        match unwrap_connect(value.clone()) {
            Ok(payload) if is_envelope(&payload) => Some(Self::Debezium),
            Ok(_) => Some(Self::Connect),
            Err(_) => is_envelope(&value).then_some(Self::Debezium),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapper_is_recognised_by_its_members() {
        let event = r#"{"before": null, "after": {"id": 1}, "source": {}, "op": "c", "ts_ms": 1}"#;
        for (text, wrapper) in [
            (event.to_owned(), Some(Wrapper::Debezium)),
            (format!(r#"{{"schema": null, "payload": {event}}}"#), Some(Wrapper::Debezium)),
            (r#"{"schema": {"type": "struct"}, "payload": {"id": 1}}"#.to_owned(), Some(Wrapper::Connect)),
            (r#"{"schema": "public", "payload": {"id": 1}}"#.to_owned(), None),
            (r#"{"schema": null, "payload": 1, "id": 1}"#.to_owned(), None),
            (r#"{"op": "c", "id": 1}"#.to_owned(), None),
            ("no json".to_owned(), None),
        ] {
            assert_eq!(Wrapper::of_json(text.as_bytes()), wrapper, "{text}");
        }
    }
}

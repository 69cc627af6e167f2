//! Decodes JSON text and keeps every digit of a number.
//!
//! `serde_json` rounds a number that is not a 64-bit integer to a double. So scalars are read from their text
//! ([`RawValue`]), one level at a time. The limit on depth also limits that work.

use std::collections::BTreeMap;
use std::fmt;

use bigdecimal::BigDecimal;
use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::datum::Datum;
use crate::limits::{Budget, Limits, descend};
use crate::{Error, ErrorKind, Result};

/// The longest number in characters. Later stages reject numbers with far fewer digits.
const MAX_NUMBER_LENGTH: usize = 1_000;

/// The byte order mark of UTF-8, which a reader of JSON may ignore.
/// Source: <https://www.rfc-editor.org/rfc/rfc8259#section-8.1>.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the payload without a byte order mark.
pub(crate) fn without_byte_order_mark(payload: &[u8]) -> &[u8] {
    payload.strip_prefix(BYTE_ORDER_MARK).unwrap_or(payload)
}

/// Decodes exactly one JSON text, after an optional byte order mark. If two members of an object have the same name, the last
/// one counts.
///
/// # Errors
/// [`ErrorKind::Payload`] if the payload is not JSON in UTF-8; [`ErrorKind::TooLarge`].
pub(crate) fn decode(payload: &[u8], limits: Limits) -> Result<Datum> {
    let text = std::str::from_utf8(without_byte_order_mark(payload)).map_err(|error| invalid_utf8(&error))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| invalid_json(&error))?;
    value(raw, limits.depth, &mut Budget::new(limits))
}

/// The error of a text that is not UTF-8.
pub(crate) fn invalid_utf8(error: &std::str::Utf8Error) -> Error {
    Error::new(ErrorKind::Payload, format!("the text is not UTF-8, at byte {}", error.valid_up_to()))
}

/// The error of a text that is not JSON, without the library's message, which may quote the text.
pub(crate) fn invalid_json(error: &serde_json::Error) -> Error {
    let what = if error.is_eof() { "the JSON text ends too early" } else { "the text is not JSON" };
    Error::new(ErrorKind::Payload, format!("{what}, at line {} column {}", error.line(), error.column()))
}

fn value(raw: &RawValue, depth: usize, budget: &mut Budget) -> Result<Datum> {
    let depth = descend(depth)?;
    budget.take_value()?;
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let mut fault = None;
            let members = Members { depth, budget, fault: &mut fault };
            let read = serde_json::Deserializer::from_str(text).deserialize_map(members);
            Datum::Map(finish(read, fault)?)
        }
        Some(b'[') => {
            let mut fault = None;
            let items = Items { depth, budget, fault: &mut fault };
            let read = serde_json::Deserializer::from_str(text).deserialize_seq(items);
            Datum::List(finish(read, fault)?)
        }
        Some(b'"') => Datum::String(serde_json::from_str(text).map_err(|error| invalid_json(&error))?),
        Some(b't') => Datum::Bool(true),
        Some(b'f') => Datum::Bool(false),
        Some(b'n') => Datum::Null,
        _ => number(text)?,
    })
}

/// The result of reading an object or array. An error of our own, which `serde_json` cannot carry, is in `fault`.
fn finish<T>(read: serde_json::Result<T>, fault: Option<Error>) -> Result<T> {
    match fault {
        Some(fault) => Err(fault),
        None => read.map_err(|error| invalid_json(&error)),
    }
}

/// Reads a number: an integer if it has 64 bits, otherwise a decimal with all digits.
fn number(text: &str) -> Result<Datum> {
    if let Ok(value) = text.parse() {
        return Ok(Datum::Int(value));
    }
    if let Ok(value) = text.parse() {
        return Ok(Datum::UInt(value));
    }
    if text.len() > MAX_NUMBER_LENGTH {
        return Err(Error::new(ErrorKind::TooLarge, "a number has more than 1000 digits"));
    }
    let parsed = text.parse::<BigDecimal>();
    parsed
        .map(Datum::Number)
        .map_err(|_| Error::new(ErrorKind::Payload, "a number's exponent is out of range"))
}

/// Reads the members of an object.
struct Members<'a> {
    depth: usize,
    budget: &'a mut Budget,
    fault: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = BTreeMap<String, Datum>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
            members.insert(name, nested(raw, self.depth, self.budget, self.fault)?);
        }
        Ok(members)
    }
}

/// Reads the items of an array.
struct Items<'a> {
    depth: usize,
    budget: &'a mut Budget,
    fault: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<Datum>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            items.push(nested(raw, self.depth, self.budget, self.fault)?);
        }
        Ok(items)
    }
}

/// Reads a nested value. An error goes to `fault`.
fn nested<E: serde::de::Error>(
    raw: &RawValue,
    depth: usize,
    budget: &mut Budget,
    fault: &mut Option<Error>,
) -> std::result::Result<Datum, E> {
    value(raw, depth, budget).map_err(|error| {
        *fault = Some(error);
        E::custom("")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Datum> {
        decode(text.as_bytes(), Limits::default())
    }

    fn map<const N: usize>(entries: [(&str, Datum); N]) -> Datum {
        Datum::Map(entries.map(|(name, value)| (name.to_owned(), value)).into())
    }

    #[test]
    fn every_json_type_is_decoded_with_exact_numbers() {
        let text = r#" {"n": null, "b": true, "i": -7, "u": 18446744073709551615, "big": 18446744073709551616,
            "d": 0.10000000000000000001, "s": "a\u00e9\ud83d\ude00", "l": [1, [], {}], "x": 1, "x": 2} "#;
        let expected = map([
            ("n", Datum::Null),
            ("b", Datum::Bool(true)),
            ("i", Datum::Int(-7)),
            ("u", Datum::UInt(u64::MAX)),
            ("big", Datum::Number("18446744073709551616".parse().unwrap())),
            ("d", Datum::Number("0.10000000000000000001".parse().unwrap())),
            ("s", Datum::from("aé😀")),
            ("l", Datum::List(vec![Datum::Int(1), Datum::List(vec![]), map([])])),
            ("x", Datum::Int(2)),
        ]);
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn byte_order_mark_is_ignored_before_the_text_only() {
        assert_eq!(read("\u{feff}{\"a\": 1}").unwrap(), map([("a", Datum::Int(1))]));
        for text in ["\u{feff}", "\u{feff}\u{feff}1", "1\u{feff}"] {
            assert_eq!(read(text).unwrap_err().kind(), ErrorKind::Payload);
        }
    }

    #[test]
    fn invalid_json_is_rejected_without_quoting_it() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"s3cret\":}",
            "\"s3cret",
            "\"\\ud800\"",
            "nul",
            "01",
            "1e",
            "1 2",
            "NaN",
            "-Infinity",
            "'a'",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Payload, "{text}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert_eq!(decode(b"\"\xff\"", Limits::default()).unwrap_err().kind(), ErrorKind::Payload);
        // The name is not valid Unicode.
        assert_eq!(read("{\"\\ud800\": 1}").unwrap_err().kind(), ErrorKind::Payload);
    }

    #[test]
    fn depth_size_and_digits_are_limited() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(64)).is_ok());
        for levels in [65, 100_000] {
            assert_eq!(read(&deep(levels)).unwrap_err().kind(), ErrorKind::TooLarge, "{levels}");
        }
        let limits = Limits { values: 10, ..Limits::default() };
        assert_eq!(decode(b"[0,0,0,0,0,0,0,0,0,0]", limits).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(read(&"9".repeat(5_000)).unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(matches!(read("1e999999999"), Ok(Datum::Number(_))));
        assert_eq!(read(&format!("1e{}", "9".repeat(30))).unwrap_err().kind(), ErrorKind::Payload);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn random_text_never_panics_and_agrees_with_serde_json(text in "[-+0-9eE.{}\\[\\]\",:a-f \\\\u]{0,40}") {
            let ours = read(&text);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json rejects numbers beyond the range of a double.
            prop_assert!(ours.is_ok() || theirs.is_err(), "{:?}", ours);
        }

        #[test]
        fn printed_datum_is_decoded_unchanged(value in any::<i64>(), double in any::<f64>(), text in "\\PC*") {
            let double = if double.is_finite() { double } else { 0.0 };
            let datum = Datum::List(vec![Datum::Int(value), Datum::Double(double), Datum::from(text.as_str())]);
            let Datum::List(items) = read(&crate::datum::to_json(&datum).unwrap()).unwrap() else { panic!("a list") };
            prop_assert_eq!(&items[0], &Datum::Int(value));
            prop_assert_eq!(&items[2], &Datum::from(text.as_str()));
            let back = crate::convert::to_spanner(&items[1], &spanbridge_protocol::value::Type::Float64).unwrap();
            prop_assert_eq!(back, (if double == 0.0 { 0.0 } else { double }).into());
        }
    }
}

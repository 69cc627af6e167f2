//! JSON text, with numbers kept exactly.
//!
//! serde_json would round what is no 64-bit integer to a double. So scalars are taken as they stand in
//! the text ([`RawValue`]), one level at a time; the bound on depth also bounds that work.

use std::collections::BTreeMap;
use std::fmt;

use bigdecimal::BigDecimal;
use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Limits;
use super::limits::{Budget, deeper};
use crate::datum::Datum;
use crate::{Error, Kind, Result};

/// Characters of one number: more digits than any number has that is worked on.
const MAX_NUMBER: usize = 1_000;

/// Decodes exactly one JSON text. Of two members of one name, the last wins.
///
/// Fails with [`Kind::Payload`] or [`Kind::TooLarge`].
pub(crate) fn decode(payload: &[u8], limits: Limits) -> Result<Datum> {
    let text = std::str::from_utf8(payload).map_err(|error| wrong_utf8(&error))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| refused(&error))?;
    value(raw, limits.depth, &mut Budget::new(limits))
}

pub(super) fn wrong_utf8(error: &std::str::Utf8Error) -> Error {
    Error::new(Kind::Payload, format!("the text is not UTF-8, at byte {}", error.valid_up_to()))
}

/// The library's own words may quote the text.
pub(super) fn refused(error: &serde_json::Error) -> Error {
    let what = if error.is_eof() { "the JSON text ends too early" } else { "the text is not JSON" };
    Error::new(Kind::Payload, format!("{what}, at line {} column {}", error.line(), error.column()))
}

fn value(raw: &RawValue, depth: usize, budget: &mut Budget) -> Result<Datum> {
    let depth = deeper(depth)?;
    budget.value()?;
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
        Some(b'"') => Datum::String(serde_json::from_str(text).map_err(|error| refused(&error))?),
        Some(b't') => Datum::Bool(true),
        Some(b'f') => Datum::Bool(false),
        Some(b'n') => Datum::Null,
        _ => number(text)?,
    })
}

/// A fault within is our own; without one, the library's.
fn finish<T>(read: serde_json::Result<T>, fault: Option<Error>) -> Result<T> {
    match fault {
        Some(fault) => Err(fault),
        None => read.map_err(|error| refused(&error)),
    }
}

/// A number as its digits say: an integer where 64 bits hold it.
fn number(text: &str) -> Result<Datum> {
    if let Ok(value) = text.parse() {
        return Ok(Datum::Int(value));
    }
    if let Ok(value) = text.parse() {
        return Ok(Datum::UInt(value));
    }
    if text.len() > MAX_NUMBER {
        return Err(Error::new(Kind::TooLarge, "a number has more digits than allowed"));
    }
    let parsed = text.parse::<BigDecimal>();
    parsed.map(Datum::Number).map_err(|_| Error::new(Kind::Payload, "a number's exponent is out of range"))
}

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
    fn each_type_is_read_and_numbers_stay_exact() {
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
    fn what_is_no_json_is_refused_without_its_text() {
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
            assert_eq!(error.kind(), Kind::Payload, "{text}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        assert_eq!(decode(b"\"\xff\"", Limits::default()).unwrap_err().kind(), Kind::Payload);
        // A name that is no text.
        assert_eq!(read("{\"\\ud800\": 1}").unwrap_err().kind(), Kind::Payload);
    }

    #[test]
    fn depth_size_and_digits_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&deep(64)).is_ok());
        for levels in [65, 100_000] {
            assert_eq!(read(&deep(levels)).unwrap_err().kind(), Kind::TooLarge, "{levels}");
        }
        let limits = Limits { values: 10, ..Limits::default() };
        assert_eq!(decode(b"[0,0,0,0,0,0,0,0,0,0]", limits).unwrap_err().kind(), Kind::TooLarge);
        assert_eq!(read(&"9".repeat(5_000)).unwrap_err().kind(), Kind::TooLarge);
        assert!(matches!(read("1e999999999"), Ok(Datum::Number(_))));
        assert_eq!(read(&format!("1e{}", "9".repeat(30))).unwrap_err().kind(), Kind::Payload);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn random_text_never_panics_and_is_json_when_serde_json_says_so(text in "[-+0-9eE.{}\\[\\]\",:a-f \\\\u]{0,40}") {
            let ours = read(&text);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // Beyond a double's range, theirs is an error.
            prop_assert!(ours.is_ok() || theirs.is_err(), "{:?}", ours);
        }

        #[test]
        fn what_is_printed_is_read_again(value in any::<i64>(), double in any::<f64>(), text in "\\PC*") {
            let double = if double.is_finite() { double } else { 0.0 };
            let datum = Datum::List(vec![Datum::Int(value), Datum::Double(double), Datum::from(text.as_str())]);
            let Datum::List(items) = read(&datum.json().unwrap()).unwrap() else { panic!("a list") };
            prop_assert_eq!(&items[0], &Datum::Int(value));
            prop_assert_eq!(&items[2], &Datum::from(text.as_str()));
            let back = crate::convert::to_spanner(&items[1], &spanbridge_protocol::value::Type::Float64).unwrap();
            prop_assert_eq!(back, (if double == 0.0 { 0.0 } else { double }).into());
        }
    }
}

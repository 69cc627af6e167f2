use apache_avro::types::Value as Avro;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value as Json;

use super::text::hex;

/// A decoded value as JSON over several lines. What JSON has no form for is text: times in ISO 8601, bytes
/// and unscaled decimals in hexadecimal.
pub(super) fn pretty(value: &Avro) -> String {
    // `{:#}` of a Json escapes control characters as JSON does.
    format!("{:#}", json(value))
}

fn json(value: &Avro) -> Json {
    let pairs = |pairs: &mut dyn Iterator<Item = (&String, &Avro)>| {
        Json::Object(pairs.map(|(name, value)| (name.clone(), json(value))).collect())
    };
    match value {
        Avro::Null => Json::Null,
        Avro::Boolean(value) => (*value).into(),
        Avro::Int(value) => (*value).into(),
        Avro::Long(value) => (*value).into(),
        Avro::Float(value) => number(f64::from(*value)),
        Avro::Double(value) => number(*value),
        Avro::String(text) | Avro::Enum(_, text) => text.as_str().into(),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => format!("0x{}", hex(bytes)).into(),
        Avro::Decimal(decimal) => match <Vec<u8>>::try_from(decimal) {
            Ok(bytes) => format!("0x{}", hex(&bytes)).into(),
            Err(_) => Json::Null,
        },
        Avro::Union(_, value) => json(value),
        Avro::Array(items) => Json::Array(items.iter().map(json).collect()),
        Avro::Map(entries) => pairs(&mut entries.iter()),
        Avro::Record(fields) => pairs(&mut fields.iter().map(|(name, value)| (name, value))),
        Avro::Date(days) => {
            NaiveDate::from_epoch_days(*days).map_or((*days).into(), |date| date.to_string().into())
        }
        Avro::TimestampMillis(time) => instant(DateTime::from_timestamp_millis(*time), *time),
        Avro::TimestampMicros(time) => instant(DateTime::from_timestamp_micros(*time), *time),
        Avro::TimestampNanos(time) => instant(Some(DateTime::from_timestamp_nanos(*time)), *time),
        Avro::Uuid(uuid) => uuid.to_string().into(),
        // Times of day, local times and durations, as numbers.
        other => Json::try_from(other.clone()).unwrap_or(Json::Null),
    }
}

/// JSON has no NaN and no infinities.
fn number(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}

fn instant(time: Option<DateTime<Utc>>, raw: i64) -> Json {
    time.map_or(raw.into(), |time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_as_json() {
        let record = Avro::Record(vec![
            ("id".into(), Avro::Long(7)),
            ("amount".into(), Avro::Union(1, Box::new(Avro::Double(f64::NAN)))),
            ("at".into(), Avro::TimestampMillis(1_700_000_000_123)),
            ("day".into(), Avro::Date(0)),
            ("raw".into(), Avro::Bytes(vec![0, 255])),
            ("decimal".into(), Avro::Decimal(vec![1, 2].into())),
            ("tags".into(), Avro::Array(vec![Avro::Null, Avro::String("\u{1b}[2J".into())])),
            ("of_day".into(), Avro::TimeMillis(5)),
        ]);
        let expected = serde_json::json!({
            "id": 7,
            "amount": "NaN",
            "at": "2023-11-14T22:13:20.123Z",
            "day": "1970-01-01",
            "raw": "0x00ff",
            "decimal": "0x0102",
            "tags": [null, "\u{1b}[2J"],
            "of_day": 5,
        });
        assert_eq!(json(&record), expected);
        assert!(pretty(&record).contains(r"\u001b[2J"));
    }
}

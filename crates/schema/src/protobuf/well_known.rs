//! The well-known types of Google and Confluent: their datums and shapes.
//!
//! Source: <https://protobuf.dev/reference/protobuf/google.protobuf/>,
//! <https://github.com/googleapis/googleapis/tree/master/google/type>, and `confluent/type/decimal.proto`.

use chrono::NaiveDate;

use crate::datum::{Datum, Instant, Period, Record};
use crate::semantic_type;
use crate::shape::Shape;

/// The value that a message of the well-known type `name` represents.
///
/// `None` if the type is not well-known, or if its fields have no such value, as in a date without a day. Then the
/// message stays a record.
pub(super) fn datum(name: &str, record: &Record) -> Option<Datum> {
    let get = |field: &str| record.get(field).cloned();
    let int = |field: &str| match record.get(field) {
        Some(Datum::Int(value)) => Some(*value),
        Some(Datum::UInt(value)) => i64::try_from(*value).ok(),
        _ => None,
    };
    match name {
        "google.protobuf.Timestamp" => {
            Instant::new(int("seconds")?, u32::try_from(int("nanos")?).ok()?).map(Datum::Timestamp)
        }
        "google.protobuf.Duration" => {
            let nanos = i128::from(int("seconds")?) * 1_000_000_000 + i128::from(int("nanos")?);
            Some(Datum::Duration(Box::new(Period::from_nanos(nanos))))
        }
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => get("value"),
        "google.protobuf.Struct" => get("fields"),
        "google.protobuf.ListValue" => get("values"),
        "google.protobuf.Value" => {
            Some(record.fields().map(|(_, value)| value).find(|value| !value.is_null()).map_or(
                // The source says: "The absence of any variant indicates an error."
                Datum::Invalid("a google.protobuf.Value has no value"),
                |value| {
                    match value {
                        // The only enum is `NullValue`, and its only symbol is `NULL_VALUE`.
                        Datum::Enum(_) => Datum::Null,
                        value => value.clone(),
                    }
                },
            ))
        }
        "google.type.Date" => {
            let part = |field: &str| u32::try_from(int(field)?).ok();
            let day = NaiveDate::from_ymd_opt(
                i32::try_from(int("year")?).ok().filter(|year| *year > 0)?,
                part("month")?,
                part("day")?,
            )?;
            Some(Datum::Date((day - NaiveDate::default()).num_days()))
        }
        "google.type.TimeOfDay" => {
            let seconds = (int("hours")? * 60 + int("minutes")?) * 60 + int("seconds")?;
            Some(Datum::Time(seconds * 1_000_000_000 + int("nanos")?))
        }
        "confluent.type.Decimal" => match record.get("value")? {
            Datum::Bytes(bytes) => Some(Datum::Decimal(semantic_type::decimal(bytes, int("scale")?))),
            _ => None,
        },
        _ => None,
    }
}

/// The shape of the well-known type `name`.
///
/// A message that [`datum`] leaves a record does not have this shape.
pub(super) fn shape(name: &str) -> Option<Shape> {
    Some(match name {
        "google.protobuf.Timestamp" => Shape::Timestamp,
        "google.protobuf.Duration" => Shape::Duration,
        "google.protobuf.DoubleValue" => Shape::Double,
        "google.protobuf.FloatValue" => Shape::Float,
        "google.protobuf.Int64Value" => Shape::Int(64),
        "google.protobuf.UInt64Value" => Shape::UInt(64),
        "google.protobuf.Int32Value" => Shape::Int(32),
        "google.protobuf.UInt32Value" => Shape::UInt(32),
        "google.protobuf.BoolValue" => Shape::Bool,
        "google.protobuf.StringValue" => Shape::String,
        "google.protobuf.BytesValue" => Shape::Bytes,
        "google.protobuf.Struct" => Shape::Map(Box::new(Shape::Any)),
        "google.protobuf.ListValue" => Shape::List(Box::new(Shape::Any)),
        "google.protobuf.Value" => Shape::Any,
        "google.type.Date" => Shape::Date,
        "google.type.TimeOfDay" => Shape::Time,
        "confluent.type.Decimal" => Shape::Decimal { precision: None, scale: None },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::datum::FieldNames;

    #[test]
    fn partial_date_stays_a_record() {
        let names = Arc::new(FieldNames::new(["year", "month", "day"].map(str::to_owned).into()));
        let date = |values: [i64; 3]| {
            let record = Record::new(Arc::clone(&names), values.map(Datum::Int).into());
            datum("google.type.Date", &record)
        };
        assert_eq!(date([1970, 1, 2]), Some(Datum::Date(1)));
        for partial in [[2024, 0, 0], [0, 1, 1], [2023, 2, 29], [i64::MAX, 1, 1], [2024, -1, 1]] {
            assert_eq!(date(partial), None);
        }
    }
}

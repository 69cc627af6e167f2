//! The semantic types of Kafka Connect and Debezium: names that give a plain schema type another meaning.
//!
//! Avro carries the name as `connect.name`, Connect's JSON converter as `name`. `avro` and `debezium` call this module for
//! values and for shapes.
//!
//! Source: <https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-temporal-types>
//! and `org.apache.kafka.connect.data` in Apache Kafka.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::DateTime;
use uuid::Uuid;

use crate::datum::{Datum, Instant, Period};
use crate::shape::Shape;

/// The reason why a decimal without bytes is invalid. Java's `BigInteger` rejects it as well.
const EMPTY_DECIMAL: &str = "the decimal has no bytes, so it is not a number";

/// The meaning of a value besides its schema type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SemanticType {
    /// Days since 1970-01-01.
    Days,
    /// Time since midnight.
    Time(TimeUnit),
    /// Time since 1970 in UTC.
    Instant(TimeUnit),
    /// Time since 1970 in an unknown zone.
    Local(TimeUnit),
    /// RFC 3339 text with an offset.
    Zoned,
    /// A length of time.
    Duration(TimeUnit),
    /// Big-endian two's complement with this scale.
    Decimal(i64),
    /// A record of a scale and a value.
    VariableScaleDecimal,
    /// Text with a UUID.
    Uuid,
}

/// The unit of a number that is a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

impl SemanticType {
    /// The semantic type with this name; `None` for an unknown name. `scale` is the parameter of Connect's `Decimal`.
    pub(crate) fn from_name(name: &str, scale: Option<&str>) -> Option<Self> {
        Some(match name {
            "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Self::Days,
            "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => Self::Time(TimeUnit::Millis),
            "io.debezium.time.MicroTime" => Self::Time(TimeUnit::Micros),
            "io.debezium.time.NanoTime" => Self::Time(TimeUnit::Nanos),
            "org.apache.kafka.connect.data.Timestamp" => Self::Instant(TimeUnit::Millis),
            "io.debezium.time.Timestamp" => Self::Local(TimeUnit::Millis),
            "io.debezium.time.MicroTimestamp" => Self::Local(TimeUnit::Micros),
            "io.debezium.time.NanoTimestamp" => Self::Local(TimeUnit::Nanos),
            "io.debezium.time.ZonedTimestamp" => Self::Zoned,
            "io.debezium.time.MicroDuration" => Self::Duration(TimeUnit::Micros),
            "io.debezium.time.NanoDuration" => Self::Duration(TimeUnit::Nanos),
            "org.apache.kafka.connect.data.Decimal" => Self::Decimal(scale?.parse().ok()?),
            "io.debezium.data.VariableScaleDecimal" => Self::VariableScaleDecimal,
            "io.debezium.data.Uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// Gives a value its meaning. A value of another type, or one that is invalid for the meaning, stays unchanged.
    pub(crate) fn apply(self, value: Datum) -> Datum {
        match (self, value) {
            (Self::Days, Datum::Int(days)) => Datum::Date(days),
            // More than 292 years saturate. Such a value is outside one day in any case.
            (Self::Time(unit), Datum::Int(since)) => Datum::Time(since.saturating_mul(unit.nanos())),
            (Self::Instant(unit), Datum::Int(since)) => Datum::Timestamp(unit.instant(since)),
            (Self::Local(unit), Datum::Int(since)) => Datum::LocalTimestamp(unit.instant(since)),
            (Self::Duration(unit), Datum::Int(length)) => {
                Datum::Duration(Box::new(Period::from_nanos(i128::from(length) * i128::from(unit.nanos()))))
            }
            (Self::Zoned, Datum::String(text)) => match DateTime::parse_from_rfc3339(&text) {
                // Digits after the ninth would be lost, so such text stays text.
                Ok(at) if text.len() <= "2013-01-01T00:00:00.000000000+00:00".len() => {
                    Datum::Timestamp(at.to_utc().into())
                }
                _ => Datum::String(text),
            },
            (Self::Decimal(scale), Datum::Bytes(bytes)) => decimal_datum(&bytes, scale),
            (Self::VariableScaleDecimal, value) => variable_scale_decimal(&value).unwrap_or(value),
            (Self::Uuid, Datum::String(text)) => match Uuid::try_parse(&text) {
                Ok(uuid) => Datum::Uuid(uuid),
                Err(_) => Datum::String(text),
            },
            (_, value) => value,
        }
    }

    /// The shape of values with this semantic type, if their schema type has the shape `base`.
    pub(crate) fn shape(self, base: Shape) -> Shape {
        match (self, base) {
            (Self::Days, Shape::Int(_)) => Shape::Date,
            (Self::Time(_), Shape::Int(_)) => Shape::Time,
            (Self::Instant(_), Shape::Int(_)) => Shape::Timestamp,
            (Self::Local(_), Shape::Int(_)) => Shape::LocalTimestamp,
            (Self::Duration(_), Shape::Int(_)) => Shape::Duration,
            (Self::Zoned, Shape::String) => Shape::union([Shape::Timestamp, Shape::String]),
            (Self::Decimal(scale), Shape::Bytes) => Shape::Decimal { precision: None, scale: Some(scale) },
            (Self::VariableScaleDecimal, Shape::Record(_)) => Shape::Decimal { precision: None, scale: None },
            (Self::Uuid, Shape::String) => Shape::union([Shape::Uuid, Shape::String]),
            (_, base) => base,
        }
    }
}

impl TimeUnit {
    fn nanos(self) -> i64 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// The instant that is `since` units after 1970.
    pub(crate) fn instant(self, since: i64) -> Instant {
        match self {
            Self::Millis => Instant::from_millis(since),
            Self::Micros => Instant::from_micros(since),
            Self::Nanos => Instant::from_nanos(since),
        }
    }
}

/// The decimal with this scale and this unscaled value in big-endian two's complement.
pub(crate) fn decimal(bytes: &[u8], scale: i64) -> BigDecimal {
    BigDecimal::new(BigInt::from_signed_bytes_be(bytes), scale)
}

/// The datum of a decimal with this scale. A number in two's complement has at least one byte.
pub(crate) fn decimal_datum(bytes: &[u8], scale: i64) -> Datum {
    if bytes.is_empty() { Datum::Invalid(EMPTY_DECIMAL) } else { Datum::Decimal(decimal(bytes, scale)) }
}

/// The decimal in a `VariableScaleDecimal`, whose bytes are base64 text in JSON.
fn variable_scale_decimal(value: &Datum) -> Option<Datum> {
    let Some(Datum::Int(scale)) = value.get("scale") else { return None };
    match value.get("value")? {
        Datum::Bytes(bytes) => Some(decimal_datum(bytes, *scale)),
        Datum::String(text) => Some(decimal_datum(&STANDARD.decode(text).ok()?, *scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_change_the_value() {
        let read = |name: &str, value| SemanticType::from_name(name, Some("2")).unwrap().apply(value);
        assert_eq!(read("io.debezium.time.Date", Datum::Int(3)), Datum::Date(3));
        assert_eq!(read("io.debezium.time.MicroTime", Datum::Int(3)), Datum::Time(3_000));
        assert_eq!(read("io.debezium.time.NanoTime", Datum::Int(i64::MIN)), Datum::Time(i64::MIN));
        assert_eq!(read("io.debezium.time.Time", Datum::Int(i64::MAX)), Datum::Time(i64::MAX));
        let instant = Instant::from_millis(1_500);
        assert_eq!(
            read("org.apache.kafka.connect.data.Timestamp", Datum::Int(1_500)),
            Datum::Timestamp(instant)
        );
        assert_eq!(read("io.debezium.time.Timestamp", Datum::Int(1_500)), Datum::LocalTimestamp(instant));
        let zoned = Datum::from("1970-01-01T01:00:01.5+01:00");
        assert_eq!(read("io.debezium.time.ZonedTimestamp", zoned), Datum::Timestamp(instant));
        let decimal = Datum::Decimal("2.56".parse().unwrap());
        assert_eq!(read("org.apache.kafka.connect.data.Decimal", Datum::Bytes(vec![1, 0])), decimal);
        let variable = [("scale".to_owned(), Datum::Int(2)), ("value".to_owned(), Datum::from("AQA="))];
        assert_eq!(read("io.debezium.data.VariableScaleDecimal", Datum::Map(variable.into())), decimal);
        let empty = Datum::Invalid(EMPTY_DECIMAL);
        assert_eq!(read("org.apache.kafka.connect.data.Decimal", Datum::Bytes(Vec::new())), empty);
        let variable = [("scale".to_owned(), Datum::Int(2)), ("value".to_owned(), Datum::from(""))];
        assert_eq!(read("io.debezium.data.VariableScaleDecimal", Datum::Map(variable.into())), empty);
        assert_eq!(read("io.debezium.data.Uuid", Datum::from("no")), Datum::from("no"));
        assert_eq!(SemanticType::from_name("org.apache.kafka.connect.data.Decimal", None), None);
        assert_eq!(SemanticType::from_name("io.debezium.data.Json", None), None);
    }

    #[test]
    fn values_of_another_type_stay_unchanged() {
        for semantic in [
            SemanticType::Days,
            SemanticType::Zoned,
            SemanticType::Decimal(2),
            SemanticType::VariableScaleDecimal,
        ] {
            assert_eq!(semantic.apply(Datum::Bool(true)), Datum::Bool(true));
            assert_eq!(semantic.apply(Datum::Null), Datum::Null);
            assert_eq!(semantic.shape(Shape::Bool), Shape::Bool);
        }
    }
}

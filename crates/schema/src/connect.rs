//! Kafka Connect's and Debezium's semantic types: names beside a plain type that say what it means.
//!
//! Source: <https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-temporal-types>
//! and Kafka's `org.apache.kafka.connect.data`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::DateTime;
use uuid::Uuid;

use crate::datum::{Datum, Instant, Period};
use crate::shape::Shape;

/// What a value means besides its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Semantic {
    Days,
    /// Since midnight.
    Time(Unit),
    /// Since 1970 in UTC.
    Instant(Unit),
    /// Since 1970 in no known zone.
    Local(Unit),
    /// RFC 3339 with an offset.
    Zoned,
    Duration(Unit),
    /// Two's complement with that scale.
    Decimal(i64),
    /// A record of scale and value.
    VariableScaleDecimal,
    Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Semantic {
    /// The meaning of that name; `scale` is the parameter of Connect's decimal.
    pub(crate) fn read(name: &str, scale: Option<&str>) -> Option<Self> {
        Some(match name {
            "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Self::Days,
            "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => Self::Time(Unit::Millis),
            "io.debezium.time.MicroTime" => Self::Time(Unit::Micros),
            "io.debezium.time.NanoTime" => Self::Time(Unit::Nanos),
            "org.apache.kafka.connect.data.Timestamp" => Self::Instant(Unit::Millis),
            "io.debezium.time.Timestamp" => Self::Local(Unit::Millis),
            "io.debezium.time.MicroTimestamp" => Self::Local(Unit::Micros),
            "io.debezium.time.NanoTimestamp" => Self::Local(Unit::Nanos),
            "io.debezium.time.ZonedTimestamp" => Self::Zoned,
            "io.debezium.time.MicroDuration" => Self::Duration(Unit::Micros),
            "io.debezium.time.NanoDuration" => Self::Duration(Unit::Nanos),
            "org.apache.kafka.connect.data.Decimal" => Self::Decimal(scale?.parse().ok()?),
            "io.debezium.data.VariableScaleDecimal" => Self::VariableScaleDecimal,
            "io.debezium.data.Uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// The value as what it means; one of another type, or without that meaning, stays as it is.
    pub(crate) fn apply(self, value: Datum) -> Datum {
        match (self, value) {
            (Self::Days, Datum::Int(days)) => Datum::Date(days),
            // More than 292 years saturate, and are no time of day either way.
            (Self::Time(unit), Datum::Int(since)) => Datum::Time(since.saturating_mul(unit.nanos())),
            (Self::Instant(unit), Datum::Int(since)) => Datum::Timestamp(unit.instant(since)),
            (Self::Local(unit), Datum::Int(since)) => Datum::LocalTimestamp(unit.instant(since)),
            (Self::Duration(unit), Datum::Int(length)) => {
                Datum::Duration(Box::new(Period::of_nanos(i128::from(length) * i128::from(unit.nanos()))))
            }
            (Self::Zoned, Datum::String(text)) => match DateTime::parse_from_rfc3339(&text) {
                // Digits beyond the ninth would be lost.
                Ok(at) if text.len() <= "2013-01-01T00:00:00.000000000+00:00".len() => {
                    Datum::Timestamp(at.to_utc().into())
                }
                _ => Datum::String(text),
            },
            (Self::Decimal(scale), Datum::Bytes(bytes)) => Datum::Decimal(decimal(&bytes, scale)),
            (Self::VariableScaleDecimal, value) => variable(&value).map_or(value, Datum::Decimal),
            (Self::Uuid, Datum::String(text)) => match Uuid::try_parse(&text) {
                Ok(uuid) => Datum::Uuid(uuid),
                Err(_) => Datum::String(text),
            },
            (_, value) => value,
        }
    }

    /// The shape that its values have.
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

impl Unit {
    fn nanos(self) -> i64 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    pub(crate) fn instant(self, since: i64) -> Instant {
        match self {
            Self::Millis => Instant::from_millis(since),
            Self::Micros => Instant::from_micros(since),
            Self::Nanos => Instant::from_nanos(since),
        }
    }
}

/// A big-endian two's complement number of that scale.
pub(crate) fn decimal(bytes: &[u8], scale: i64) -> BigDecimal {
    BigDecimal::new(BigInt::from_signed_bytes_be(bytes), scale)
}

/// A `VariableScaleDecimal`; its bytes are base64 in JSON.
fn variable(value: &Datum) -> Option<BigDecimal> {
    let Some(Datum::Int(scale)) = value.get("scale") else { return None };
    match value.get("value")? {
        Datum::Bytes(bytes) => Some(decimal(bytes, *scale)),
        Datum::String(text) => Some(decimal(&STANDARD.decode(text).ok()?, *scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_meaning() {
        let read = |name: &str, value| Semantic::read(name, Some("2")).unwrap().apply(value);
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
        assert_eq!(read("io.debezium.data.Uuid", Datum::from("no")), Datum::from("no"));
        assert_eq!(Semantic::read("org.apache.kafka.connect.data.Decimal", None), None);
        assert_eq!(Semantic::read("io.debezium.data.Json", None), None);
    }

    #[test]
    fn another_type_stays_as_it_is() {
        for semantic in
            [Semantic::Days, Semantic::Zoned, Semantic::Decimal(2), Semantic::VariableScaleDecimal]
        {
            assert_eq!(semantic.apply(Datum::Bool(true)), Datum::Bool(true));
            assert_eq!(semantic.apply(Datum::Null), Datum::Null);
            assert_eq!(semantic.shape(Shape::Bool), Shape::Bool);
        }
    }
}

//! Reads of numbers, booleans, durations, sizes and instants.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, Utc};
use toml::de::DeValue;

use super::Entry;
use super::rules::any;
use crate::error::ErrorKind;
use crate::unit::{format_duration, format_size, parse_duration, parse_size};

impl Entry<'_> {
    /// Reads a boolean.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.node.get_ref().as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// Reads a whole number within `bounds`.
    pub(crate) fn integer<T: TryFrom<i64> + Copy + PartialOrd + std::fmt::Display>(
        &self,
        bounds: RangeInclusive<T>,
    ) -> Option<T> {
        let DeValue::Integer(integer) = self.node.get_ref() else {
            return self.wrong_type("an integer");
        };
        let value = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let value = value.and_then(|value| T::try_from(value).ok()).filter(|value| bounds.contains(value));
        value.or_else(|| self.out_of_bounds(integer, bounds.start(), bounds.end()))
    }

    /// Reads a number within `bounds`.
    pub(crate) fn float(&self, bounds: RangeInclusive<f64>) -> Option<f64> {
        let (text, value) = match self.node.get_ref() {
            DeValue::Float(float) => (float.to_string(), float.as_str().parse().ok()),
            DeValue::Integer(integer) => (integer.to_string(), integer.to_string().parse().ok()),
            _ => return self.wrong_type("a number"),
        };
        let value = value.filter(|value| bounds.contains(value));
        value.or_else(|| self.out_of_bounds(text, bounds.start(), bounds.end()))
    }

    /// Reads a duration such as `"50ms"` within `bounds`.
    pub(crate) fn duration(&self, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        if self.is_number() {
            return self.wrong_type("a string with a unit, such as \"50ms\"");
        }
        let text = self.string(any)?;
        match parse_duration(&text) {
            Ok(value) if bounds.contains(&value) => Some(value),
            Ok(value) => {
                let (min, max) = (format_duration(*bounds.start()), format_duration(*bounds.end()));
                self.out_of_bounds(format_duration(value), min, max)
            }
            Err(problem) => {
                let help = "write whole numbers with the units d h m s ms us, such as \"50ms\" or \"2m30s\"";
                self.report(ErrorKind::Value, format!("the duration `{}` {problem}", self.path), help);
                None
            }
        }
    }

    /// Reads a size such as `"2MiB"` within `bounds`, in bytes.
    pub(crate) fn size(&self, bounds: RangeInclusive<u64>) -> Option<u64> {
        if self.is_number() {
            return self.wrong_type("a string with a unit, such as \"2MiB\"");
        }
        let text = self.string(any)?;
        match parse_size(&text) {
            Ok(value) if bounds.contains(&value) => Some(value),
            Ok(value) => self.out_of_bounds(
                format_size(value),
                format_size(*bounds.start()),
                format_size(*bounds.end()),
            ),
            Err(problem) => {
                let help = "write a whole number with a unit of B KB KiB MB MiB GB GiB, such as \"2MiB\"";
                self.report(ErrorKind::Value, format!("the size `{}` {problem}", self.path), help);
                None
            }
        }
    }

    /// Returns an RFC 3339 instant, written as a string or as a TOML date-time; `None` for any other value,
    /// which is not reported.
    pub(crate) fn instant(&self) -> Option<DateTime<Utc>> {
        let text = match self.node.get_ref() {
            DeValue::Datetime(datetime) => datetime.to_string(),
            DeValue::String(text) => text.clone().into_owned(),
            _ => return None,
        };
        DateTime::parse_from_rfc3339(&text).ok().map(|instant| instant.to_utc())
    }

    /// Returns a number or a boolean as text, for Kafka properties.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match self.node.get_ref() {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(|value| value.to_string())
                .or_else(|| self.out_of_bounds(integer, i64::MIN, i64::MAX)),
            DeValue::Float(float) => Some(float.to_string()),
            DeValue::Boolean(value) => Some(value.to_string()),
            _ => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self.node.get_ref(), DeValue::Integer(_) | DeValue::Float(_))
    }

    fn out_of_bounds<T>(
        &self,
        value: impl std::fmt::Display,
        min: impl std::fmt::Display,
        max: impl std::fmt::Display,
    ) -> Option<T> {
        let message = format!("`{}` must be from {min} to {max}, not {value}", self.path());
        self.report(ErrorKind::Bounds, message, "choose a value within the bounds");
        None
    }
}

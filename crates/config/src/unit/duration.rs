//! Durations such as `50ms`, `1h` and `2m30s`.

use std::time::Duration;

use super::number_and_unit;

/// The units and their microseconds, largest first. A duration has them in this order, each at most once.
const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// Reads a duration: whole numbers with the units `d h m s ms us`, largest first, such as `50ms`, `1h` or
/// `2m30s`. A day is 24 hours.
///
/// # Errors
/// The reason, as the second half of a sentence about the value.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("is negative".to_owned());
    }
    let mut micros: u64 = 0;
    let mut allowed = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest);
        if number.is_empty() {
            return Err("is not a whole number with a unit".to_owned());
        }
        if unit.is_empty() {
            return Err(if after.starts_with('.') {
                "has a fraction; use a smaller unit".to_owned()
            } else {
                "has no unit".to_owned()
            });
        }
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("has an unknown unit `{unit}`"));
        };
        if index < allowed {
            return Err(format!("repeats a unit or has `{unit}` after a smaller one"));
        }
        allowed = index + 1;
        micros = number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(UNITS[index].1))
            .and_then(|part| micros.checked_add(part))
            .ok_or("is too large")?;
        rest = after;
    }
    Ok(Duration::from_micros(micros))
}

/// Returns the shortest text that [`parse_duration`] parses to this duration. Nanoseconds are dropped.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut micros = duration.as_micros();
    let mut text = String::new();
    for (name, unit) in UNITS {
        let count = micros / u128::from(unit);
        micros %= u128::from(unit);
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_durations_are_parsed_and_formatted() {
        for (text, micros) in [
            ("50ms", 50_000),
            ("1h", 3_600_000_000),
            ("2m30s", 150_000_000),
            ("1d2h3m4s5ms6us", 93_784_005_006),
            ("213503982d", 18_446_744_044_800_000_000),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_micros(micros), "{text}");
            assert_eq!(format_duration(duration), text);
        }
        assert_eq!(parse_duration("0s").unwrap(), Duration::ZERO);
        assert_eq!(format_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn invalid_durations_fail_with_their_reason() {
        for (text, wrong) in [
            ("", "is empty"),
            ("5", "has no unit"),
            ("-5s", "is negative"),
            ("1.5s", "has a fraction; use a smaller unit"),
            ("s", "is not a whole number with a unit"),
            ("5s ", "is not a whole number with a unit"),
            (" 5s", "is not a whole number with a unit"),
            ("5S", "has an unknown unit `S`"),
            ("5min", "has an unknown unit `min`"),
            ("5s5", "has no unit"),
            ("1s1m", "repeats a unit or has `m` after a smaller one"),
            ("1s1s", "repeats a unit or has `s` after a smaller one"),
            ("213503983d", "is too large"),
            ("99999999999999999999s", "is too large"),
            ("213503982d999999999h", "is too large"),
            ("5µs", "has no unit"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err(), wrong, "{text:?}");
        }
    }
}

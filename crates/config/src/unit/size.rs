//! Sizes such as `2MiB` and `512KB`.

use super::number_and_unit;

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a size in bytes: a whole number with one of the units `B KB KiB MB MiB GB GiB`, where `KB` is
/// 1000 and `KiB` 1024 bytes.
///
/// # Errors
/// The reason, as the second half of a sentence about the value.
pub fn parse_size(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("is negative".to_owned());
    }
    let (number, unit, rest) = number_and_unit(text);
    if number.is_empty() {
        return Err("is not a whole number with a unit".to_owned());
    }
    if rest.starts_with('.') && unit.is_empty() {
        return Err("has a fraction; use a smaller unit".to_owned());
    }
    if unit.is_empty() {
        return Err("has no unit".to_owned());
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("has an unknown unit `{unit}`"));
    };
    if !rest.is_empty() {
        return Err("is not one whole number with one unit".to_owned());
    }
    number.parse().ok().and_then(|number: u64| number.checked_mul(*bytes)).ok_or("is too large".to_owned())
}

/// Formats a size in the largest unit that divides it.
pub(crate) fn format_size(size: u64) -> String {
    let dividing = UNITS.iter().find(|(_, bytes)| size != 0 && size.is_multiple_of(*bytes));
    let (name, bytes) = dividing.unwrap_or(&("B", 1));
    format!("{}{name}", size / bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_sizes_are_parsed_and_formatted() {
        for (text, bytes) in [
            ("2MiB", 2_097_152),
            ("512KB", 512_000),
            ("1B", 1),
            ("0B", 0),
            ("3GB", 3_000_000_000),
            ("17179869183GiB", 18_446_744_072_635_809_792),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
            assert_eq!(parse_size(&format_size(bytes)).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn size_is_formatted_in_the_largest_dividing_unit() {
        for (bytes, text) in [(0, "0B"), (1, "1B"), (512_000, "500KiB"), (64 << 20, "64MiB")] {
            assert_eq!(format_size(bytes), text);
        }
    }

    #[test]
    fn invalid_sizes_fail_with_their_reason() {
        for (text, wrong) in [
            ("", "is empty"),
            ("5", "has no unit"),
            ("-5B", "is negative"),
            ("1.5MiB", "has a fraction; use a smaller unit"),
            ("MiB", "is not a whole number with a unit"),
            ("5 MiB", "has no unit"),
            ("5mb", "has an unknown unit `mb`"),
            ("5M", "has an unknown unit `M`"),
            ("5MiB1B", "is not one whole number with one unit"),
            ("17179869184GiB", "is too large"),
            ("99999999999999999999B", "is too large"),
        ] {
            assert_eq!(parse_size(text).unwrap_err(), wrong, "{text:?}");
        }
    }
}

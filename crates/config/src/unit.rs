//! Durations and sizes with units.

mod duration;
mod size;

pub use duration::parse_duration;
pub use size::parse_size;

pub(crate) use duration::format_duration;
pub(crate) use size::format_size;

/// Splits a text into leading digits, the letters after them, and the rest: `12ms…` into (`12`, `ms`, `…`).
fn number_and_unit(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest)
}

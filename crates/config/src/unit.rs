//! Durations and sizes with their units.

mod duration;
mod size;

pub use duration::parse_duration;
pub use size::parse_size;

pub(crate) use duration::show_duration;
pub(crate) use size::show_size;

/// `12ms…` → (`12`, `ms`, `…`): digits, then letters, then the rest.
fn number_and_unit(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest)
}

//! The fraction of a quantile.

use crate::value::Float;

/// A number between 0 and 1, both exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(Float);

/// The error of a number that is not between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quantile lies between 0 and 1, both excluded")]
pub struct FractionError;

impl Fraction {
    /// Creates a fraction.
    ///
    /// # Errors
    /// If the number is not between 0 and 1.
    pub fn new(value: f64) -> Result<Self, FractionError> {
        if value > 0.0 && value < 1.0 { Ok(Self(Float(value))) } else { Err(FractionError) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_one_and_numbers_outside_are_rejected() {
        assert_eq!(Fraction::new(0.99).map(Fraction::get), Ok(0.99));
        for value in [0.0, -0.0, 1.0, -0.5, 99.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Fraction::new(value), Err(FractionError), "{value}");
        }
    }
}

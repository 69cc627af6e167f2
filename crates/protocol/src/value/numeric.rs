//! Spanner's NUMERIC.

use std::fmt;
use std::str::FromStr;

/// The number of digits after the decimal point.
const SCALE: u32 = 9;
/// One, in billionths.
const ONE: i128 = 1_000_000_000;
/// The maximum in billionths: 29 digits before the decimal point and 9 after it.
const MAX_BILLIONTHS: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// A NUMERIC with 29 digits before the decimal point and 9 after it, stored as billionths.
///
/// Source: <https://cloud.google.com/spanner/docs/storing-numeric-data>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numeric(i128);

/// The reason why a number is not a NUMERIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumericError {
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// The number has too many digits after the decimal point.
    #[error("NUMERIC has 9 digits after the point at most")]
    Scale,
    /// The number has too many digits before the decimal point.
    #[error("NUMERIC has 29 digits before the point at most")]
    Range,
}

impl Numeric {
    /// Creates the number `unscaled × 10^-scale`, which is the form of Avro's decimal.
    ///
    /// # Errors
    /// If the number does not fit into NUMERIC.
    pub fn from_unscaled(unscaled: i128, scale: u32) -> Result<Self, NumericError> {
        let billionths = if scale <= SCALE {
            unscaled.checked_mul(10_i128.pow(SCALE - scale)).ok_or(NumericError::Range)?
        } else {
            let drop = 10_i128.checked_pow(scale - SCALE).ok_or(NumericError::Scale)?;
            if unscaled % drop != 0 {
                return Err(NumericError::Scale);
            }
            unscaled / drop
        };
        Self::new(billionths)
    }

    /// The number of billionths.
    pub fn billionths(self) -> i128 {
        self.0
    }

    /// Adds two numbers.
    ///
    /// # Errors
    /// If the sum does not fit into NUMERIC.
    pub fn checked_add(self, other: Self) -> Result<Self, NumericError> {
        // The sum of two numbers within the range fits into 128 bits.
        Self::new(self.0 + other.0)
    }

    fn new(billionths: i128) -> Result<Self, NumericError> {
        if billionths.unsigned_abs() > MAX_BILLIONTHS.unsigned_abs() {
            Err(NumericError::Range)
        } else {
            Ok(Self(billionths))
        }
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Self(i128::from(value) * ONE)
    }
}

impl FromStr for Numeric {
    type Err = NumericError;

    fn from_str(text: &str) -> Result<Self, NumericError> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| NumericError::Syntax)?),
            None => (text, 0),
        };
        let (sign, digits) = match digits.as_bytes().first() {
            Some(b'-') => (-1, &digits[1..]),
            Some(b'+') => (1, &digits[1..]),
            _ => (1, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(NumericError::Syntax);
        }
        let mut unscaled: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            if !digit.is_ascii_digit() {
                return Err(NumericError::Syntax);
            }
            unscaled = unscaled
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')))
                .ok_or(NumericError::Range)?;
        }
        let scale = i32::try_from(fraction.len()).map_err(|_| NumericError::Scale)?;
        let scale = scale.checked_sub(exponent).ok_or(NumericError::Range)?;
        if scale >= 0 {
            Self::from_unscaled(sign * unscaled, scale.unsigned_abs())
        } else {
            let raise = 10_i128.checked_pow(scale.unsigned_abs()).ok_or(NumericError::Range)?;
            let value = unscaled.checked_mul(raise).ok_or(NumericError::Range)?;
            Self::from_unscaled(sign * value, 0)
        }
    }
}

impl fmt::Display for Numeric {
    /// Writes Spanner's canonical text, without trailing zeros or a trailing decimal point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.abs() / ONE, self.0.abs() % ONE);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_in_canonical_form() {
        for text in ["0", "12.5", "-0.000000001", "99999999999999999999999999999.999999999"] {
            assert_eq!(text.parse::<Numeric>().unwrap().to_string(), text);
        }
        assert_eq!("1.5e3".parse::<Numeric>().unwrap().to_string(), "1500");
        assert_eq!("+1.50".parse::<Numeric>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn number_that_does_not_fit_is_rejected() {
        assert_eq!("1.0000000001".parse::<Numeric>(), Err(NumericError::Scale));
        assert_eq!("100000000000000000000000000000".parse::<Numeric>(), Err(NumericError::Range));
        assert_eq!("1e40".parse::<Numeric>(), Err(NumericError::Range));
        for text in ["", ".", "-", "1,5", "NaN", "1e", "--1"] {
            assert_eq!(text.parse::<Numeric>(), Err(NumericError::Syntax), "{text}");
        }
        let max = "99999999999999999999999999999".parse::<Numeric>().unwrap();
        assert_eq!(max.checked_add(1.into()), Err(NumericError::Range));
        assert_eq!(Numeric::from_unscaled(i128::MIN, 9), Err(NumericError::Range));
    }
}

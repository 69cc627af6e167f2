use std::fmt;
use std::str::FromStr;

/// Digits after the decimal point.
const SCALE: u32 = 9;
/// One, in billionths.
const ONE: i128 = 1_000_000_000;
/// 29 digits before the point and 9 behind it.
const MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// Spanner's NUMERIC: 29 digits before the point, 9 behind it, held as billionths.
///
/// Source: <https://cloud.google.com/spanner/docs/storing-numeric-data>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numeric(i128);

/// A number that NUMERIC does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumericError {
    #[error("not a decimal number")]
    Syntax,
    #[error("NUMERIC has 9 digits after the point at most")]
    Scale,
    #[error("NUMERIC has 29 digits before the point at most")]
    Range,
}

impl Numeric {
    /// `unscaled` times ten to the power of `-scale`, as Avro's decimal has it.
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

    /// The sum, or the error that it is out of range.
    pub fn checked_add(self, other: Self) -> Result<Self, NumericError> {
        // Two numbers within the range do not overflow 128 bits.
        Self::new(self.0 + other.0)
    }

    fn new(billionths: i128) -> Result<Self, NumericError> {
        if billionths.unsigned_abs() > MAX.unsigned_abs() {
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
    /// Spanner's canonical text: no trailing zeros, no point without digits behind it.
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
    fn text_round_trips() {
        for text in ["0", "12.5", "-0.000000001", "99999999999999999999999999999.999999999"] {
            assert_eq!(text.parse::<Numeric>().unwrap().to_string(), text);
        }
        assert_eq!("1.5e3".parse::<Numeric>().unwrap().to_string(), "1500");
        assert_eq!("+1.50".parse::<Numeric>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!("1.0000000001".parse::<Numeric>(), Err(NumericError::Scale));
        assert_eq!("100000000000000000000000000000".parse::<Numeric>(), Err(NumericError::Range));
        assert_eq!("1e40".parse::<Numeric>(), Err(NumericError::Range));
        for text in ["", ".", "-", "1,5", "NaN", "1e", "--1"] {
            assert_eq!(text.parse::<Numeric>(), Err(NumericError::Syntax), "{text}");
        }
        let most = "99999999999999999999999999999".parse::<Numeric>().unwrap();
        assert_eq!(most.checked_add(1.into()), Err(NumericError::Range));
        assert_eq!(Numeric::from_unscaled(i128::MIN, 9), Err(NumericError::Range));
    }
}

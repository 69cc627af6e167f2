//! Decimals of any size, with bounded work.
//!
//! A decimal with a scale of 10^18 takes a few bytes in a payload, but printing it would take gigabytes. So each
//! function first checks the size.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

/// The largest unscaled value in bits, more than that of any double. Larger decimals are neither printed nor normalized.
pub(crate) const MAX_BITS: u64 = 1100;

/// The unscaled value and scale without trailing zeros; `None` if the unscaled value exceeds [`MAX_BITS`].
pub(crate) fn normalized(value: &BigDecimal) -> Option<(BigInt, i64)> {
    if value.as_bigint_and_scale().0.bits() > MAX_BITS {
        return None;
    }
    Some(value.normalized().into_bigint_and_scale())
}

/// The shortest exact text: plain digits, or an exponent if the scale exceeds 38 digits.
pub(crate) fn text(value: &BigDecimal) -> Option<String> {
    let (unscaled, scale) = normalized(value)?;
    Some(match scale {
        0 => unscaled.to_string(),
        -38..=38 => BigDecimal::new(unscaled, scale).to_plain_string(),
        _ => format!("{unscaled}e{}", -i128::from(scale)),
    })
}

/// The double that represents `value` without loss.
///
/// That is, the double prints the same digits, either with as many digits as `value` has or in its shortest form.
pub(crate) fn double(value: &BigDecimal) -> Option<f64> {
    let nearest = nearest_double(value)?;
    same_digits(value, nearest, format!("{nearest:e}"), |digits| format!("{nearest:.digits$e}"))
}

/// The 32-bit float that represents `value` without loss, as [`double`].
pub(crate) fn float(value: &BigDecimal) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    let nearest = format!("{unscaled}e{}", -i128::from(scale)).parse::<f32>().ok()?;
    same_digits(value, f64::from(nearest), format!("{nearest:e}"), |digits| format!("{nearest:.digits$e}"))
}

/// The nearest double; `None` if that is an infinity, or if the number has hundreds of digits.
pub fn nearest_double(value: &BigDecimal) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    let nearest = format!("{unscaled}e{}", -i128::from(scale)).parse::<f64>().ok()?;
    nearest.is_finite().then_some(nearest)
}

/// `nearest`, if it prints the digits of `value`.
fn same_digits(
    value: &BigDecimal,
    nearest: f64,
    shortest: String,
    print: impl Fn(usize) -> String,
) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    if !nearest.is_finite() || (nearest == 0.0) != (unscaled == BigInt::ZERO) {
        return None;
    }
    if nearest == 0.0 {
        return Some(nearest);
    }
    let digits = unscaled.magnitude().to_string().len();
    let value = (unscaled, scale);
    // The shortest form alone does not suffice: it may be on the other side of a tie, or of the narrower gap below a
    // power of two.
    let same =
        |printed: String| printed.parse().ok().and_then(|again| normalized(&again)).as_ref() == Some(&value);
    (same(print(digits - 1)) || same(shortest)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> BigDecimal {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_short_and_exact() {
        for (given, expected) in [
            ("1.50", "1.5"),
            ("-0.00", "0"),
            ("1e3", "1000"),
            ("0.001", "0.001"),
            ("1e1000000000", "1e1000000000"),
            ("-12e-400", "-12e-400"),
        ] {
            assert_eq!(text(&number(given)).unwrap(), expected);
        }
        assert_eq!(text(&number(&"9".repeat(1000))), None);
    }

    #[test]
    fn double_with_other_digits_is_rejected() {
        assert_eq!(double(&number("0.1")), Some(0.1));
        assert_eq!(double(&number("1e308")), Some(1e308));
        assert_eq!(double(&number("0.1000000000000000055511151231257827021181583404541015625")), Some(0.1));
        // Exactly between two doubles of as many digits: it may have been printed from either.
        for tie in ["1794195233023582.2", "1794195233023582.3"] {
            assert_eq!(double(&number(tie)), Some(1_794_195_233_023_582.2));
        }
        for lossy in ["0.10000000000000000001", "9007199254740993", "1e400", "1e-400", "1e-999999999999999"] {
            assert_eq!(double(&number(lossy)), None, "{lossy}");
        }
        assert_eq!(float(&number("0.1")), Some(f64::from(0.1_f32)));
        assert_eq!(float(&number("0.123456789")), None);
        assert_eq!(float(&number("1e39")), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn printed_double_is_recovered(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            for printed in [format!("{value:e}"), format!("{value:.16e}")] {
                prop_assert_eq!(double(&number(&printed)), Some(value).map(|v| if v == 0.0 { 0.0 } else { v }));
            }
        }

        #[test]
        fn printed_fraction_or_power_of_two_is_recovered(integer in any::<u32>(), shift in 0_i32..52, power in -1000_i32..1000) {
            for value in [f64::from(integer) / 2_f64.powi(shift), 2_f64.powi(power), -2_f64.powi(power)] {
                prop_assert_eq!(double(&number(&format!("{value:e}"))), Some(value));
                prop_assert_eq!(double(&number(&format!("{value:.16e}"))), Some(value));
            }
        }
    }
}

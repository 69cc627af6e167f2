//! Decimals of any size, without the work of any size.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

/// More than the largest double has. Beyond, nothing is printed, normalised or computed.
pub(crate) const MAX_BITS: u64 = 1100;

/// Without trailing zeros; nothing when it is too large to be worked on.
pub(crate) fn normalized(value: &BigDecimal) -> Option<(BigInt, i64)> {
    // Bounded first: a scale of 10^18 is only eight bytes.
    if value.as_bigint_and_scale().0.bits() > MAX_BITS {
        return None;
    }
    Some(value.normalized().into_bigint_and_scale())
}

/// Its shortest exact text: plain digits, or with an exponent where that would be long.
pub(crate) fn text(value: &BigDecimal) -> Option<String> {
    let (unscaled, scale) = normalized(value)?;
    Some(match scale {
        0 => unscaled.to_string(),
        -38..=38 => BigDecimal::new(unscaled, scale).to_plain_string(),
        _ => format!("{unscaled}e{}", -i128::from(scale)),
    })
}

/// The double that gives the same digits back when it is printed with as many.
pub(crate) fn double(value: &BigDecimal) -> Option<f64> {
    let nearest = nearest(value)?;
    same_digits(value, nearest, |digits| format!("{nearest:.digits$e}"))
}

/// The same for a float.
pub(crate) fn float(value: &BigDecimal) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    let nearest = format!("{unscaled}e{}", -i128::from(scale)).parse::<f32>().ok()?;
    same_digits(value, f64::from(nearest), |digits| format!("{nearest:.digits$e}"))
}

/// The nearest double; nothing when there is none but an infinity, or the number has hundreds of digits.
pub fn nearest(value: &BigDecimal) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    let nearest = format!("{unscaled}e{}", -i128::from(scale)).parse::<f64>().ok()?;
    nearest.is_finite().then_some(nearest)
}

fn same_digits(value: &BigDecimal, nearest: f64, print: impl Fn(usize) -> String) -> Option<f64> {
    let (unscaled, scale) = normalized(value)?;
    if !nearest.is_finite() || (nearest == 0.0) != (unscaled == BigInt::ZERO) {
        return None;
    }
    if nearest == 0.0 {
        return Some(nearest);
    }
    let digits = unscaled.magnitude().to_string().len();
    let again: BigDecimal = print(digits - 1).parse().ok()?;
    (normalized(&again)? == (unscaled, scale)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> BigDecimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_is_short_and_exact() {
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
    fn a_double_is_only_what_gives_the_digits_back() {
        assert_eq!(double(&number("0.1")), Some(0.1));
        assert_eq!(double(&number("1e308")), Some(1e308));
        assert_eq!(double(&number("0.1000000000000000055511151231257827021181583404541015625")), Some(0.1));
        for lossy in ["0.10000000000000000001", "9007199254740993", "1e400", "1e-400", "1e-999999999999999"] {
            assert_eq!(double(&number(lossy)), None, "{lossy}");
        }
        assert_eq!(float(&number("0.1")), Some(f64::from(0.1_f32)));
        assert_eq!(float(&number("0.123456789")), None);
        assert_eq!(float(&number("1e39")), None);
    }

    proptest! {
        #[test]
        fn every_printed_double_comes_back(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            for printed in [format!("{value:e}"), format!("{value:.16e}")] {
                prop_assert_eq!(double(&number(&printed)), Some(value).map(|v| if v == 0.0 { 0.0 } else { v }));
            }
        }
    }
}

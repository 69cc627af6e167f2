//! Lengths of time.

use std::fmt;

/// The nanoseconds of a second.
const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A length of time. Calendar months and days are separate from nanoseconds, because their length varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Calendar months.
    pub months: i64,
    /// Calendar days.
    pub days: i64,
    /// Nanoseconds.
    pub nanos: i128,
}

impl Period {
    /// A period of nanoseconds, without months and days.
    pub fn from_nanos(nanos: i128) -> Self {
        Self { months: 0, days: 0, nanos }
    }
}

impl fmt::Display for Period {
    /// Writes ISO 8601, such as `P1M2DT3.5S`, without the parts that are zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (count, unit) in [(self.months, "M"), (self.days, "D")] {
            if count != 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        if self.nanos == 0 {
            return if (self.months, self.days) == (0, 0) { f.write_str("T0S") } else { Ok(()) };
        }
        let sign = if self.nanos < 0 { "-" } else { "" };
        let (seconds, nanos) =
            (self.nanos.unsigned_abs() / NANOS_PER_SECOND.unsigned_abs(), self.nanos % NANOS_PER_SECOND);
        write!(f, "T{sign}{seconds}")?;
        if nanos != 0 {
            let digits = format!("{:09}", nanos.unsigned_abs());
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("S")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn period_is_printed_as_iso_8601() {
        for (months, days, nanos, text) in [
            (0, 0, 0, "PT0S"),
            (14, -2, 0, "P14M-2D"),
            (0, 0, 3_500_000_000, "PT3.5S"),
            (1, 0, -1, "P1MT-0.000000001S"),
            (0, 0, i128::MIN, "PT-170141183460469231731687303715.884105728S"),
        ] {
            assert_eq!(Period { months, days, nanos }.to_string(), text);
        }
    }
}

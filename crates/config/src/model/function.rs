//! Aggregate functions.

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `count()`: the number of records.
    Count,
    /// `sum(x)`: the sum of all values.
    Sum,
    /// `min(x)`: the least value.
    Min,
    /// `max(x)`: the greatest value.
    Max,
    /// `avg(x)`: the mean of all values.
    Avg,
    /// `first(x)`: the value with the least event time; among equal times the one that arrived first.
    First,
    /// `last(x)`: the value with the greatest event time; among equal times the one that arrived last.
    Last,
    /// `approx_distinct(x)`: the approximate number of distinct values.
    ApproxDistinct,
    /// `approx_quantile(x, q)`: the approximate value below which the fraction `q` of all values lies.
    ApproxQuantile(Quantile),
}

/// A fraction between 0 and 1, both exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantile(u64);

impl Quantile {
    /// Creates a quantile; `None` unless the fraction is between 0 and 1, both exclusive.
    pub fn new(fraction: f64) -> Option<Self> {
        (fraction > 0.0 && fraction < 1.0).then(|| Self(fraction.to_bits()))
    }

    /// Returns the fraction.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Function {
    /// Returns the name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::First => "first",
            Self::Last => "last",
            Self::ApproxDistinct => "approx_distinct",
            Self::ApproxQuantile(_) => "approx_quantile",
        }
    }

    /// Returns the suffixes that make the names of the companion columns from that of the aggregate column.
    pub(super) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max => &[],
            Self::Avg => &["Sum", "Count"],
            Self::First | Self::Last => &["At"],
            Self::ApproxDistinct | Self::ApproxQuantile(_) => &["Sketch"],
        }
    }
}

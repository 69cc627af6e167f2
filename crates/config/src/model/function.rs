//! `sum`, `approx_quantile`, …

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// How many records: `count()`.
    Count,
    /// `sum(x)`
    Sum,
    /// `min(x)`
    Min,
    /// `max(x)`
    Max,
    /// `avg(x)`
    Avg,
    /// `first(x)`: of the least event time; among equals the one that came first.
    First,
    /// `last(x)`: of the greatest event time; among equals the one that came last.
    Last,
    /// `approx_distinct(x)`: about how many different values.
    ApproxDistinct,
    /// `approx_quantile(x, q)`: about the value below which the fraction q lies.
    ApproxQuantile(Quantile),
}

/// A fraction between 0 and 1, both exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantile(u64);

impl Quantile {
    /// None unless it is between 0 and 1, both exclusive.
    pub fn new(fraction: f64) -> Option<Self> {
        (fraction > 0.0 && fraction < 1.0).then(|| Self(fraction.to_bits()))
    }

    /// The fraction.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Function {
    /// As the configuration has it.
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

    /// What the names of its companion columns add to its own column's.
    pub(super) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max => &[],
            Self::Avg => &["Sum", "Count"],
            Self::First | Self::Last => &["At"],
            Self::ApproxDistinct | Self::ApproxQuantile(_) => &["Sketch"],
        }
    }
}

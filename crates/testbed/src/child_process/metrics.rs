use std::collections::BTreeMap;

/// The counters and histograms of one or more processes, parsed from the Prometheus text format.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// The value of each series, by its name and labels as in the text.
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Parses the text format and skips lines that do not belong to it.
    ///
    /// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (series, value) = line.trim().rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        Self { series: text.lines().filter(|text| !text.starts_with('#')).filter_map(line).collect() }
    }

    /// Adds the counters and histograms of another process. The sums of gauges are meaningless.
    pub fn merge(&mut self, other: &Self) {
        for (series, value) in &other.series {
            *self.series.entry(series.clone()).or_default() += value;
        }
    }

    /// Returns the sum of all series with this name whose labels contain each of `labels`, such as
    /// `outcome="committed"`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.series_named(name, labels).map(|(_, value)| value).sum()
    }

    /// Returns the number of series with this name whose labels contain each of `labels`.
    #[must_use]
    pub fn count(&self, name: &str, labels: &[&str]) -> usize {
        self.series_named(name, labels).count()
    }

    /// Returns the value below which the fraction `quantile` (0 to 1) of a histogram's observations lie, interpolated
    /// linearly within a bucket. Returns `None` without observations, and infinity beyond the last bucket.
    #[must_use]
    pub fn quantile(&self, name: &str, quantile: f64) -> Option<f64> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (series, count) in self.series_named(&format!("{name}_bucket"), &[]) {
            let bound: f64 = series.split("le=\"").nth(1)?.split('"').next()?.parse().ok()?;
            match buckets.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = buckets.last().map(|(_, count)| *count).filter(|total| *total > 0.0)?;
        let rank = total * quantile;
        let mut below = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= rank && count > below.1 {
                let within = (rank - below.1) / (count - below.1);
                return Some(if bound.is_finite() { below.0 + (bound - below.0) * within } else { bound });
            }
            below = (bound, count);
        }
        None
    }

    fn series_named<'a>(&'a self, name: &'a str, labels: &'a [&str]) -> impl Iterator<Item = (&'a str, f64)> {
        self.series.iter().filter_map(move |(series, value)| {
            let rest = series.strip_prefix(name)?;
            let matches = rest.is_empty() || rest.starts_with('{');
            (matches && labels.iter().all(|label| rest.contains(label))).then_some((series.as_str(), *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total things\n# TYPE a_total counter\n\
        a_total{pipeline=\"p\",outcome=\"committed\"} 3\na_total{pipeline=\"p\",outcome=\"fenced\"} 1\n\
        a_totals 9\nb 2.5\n\
        h_bucket{pipeline=\"p\",le=\"1\"} 5\nh_bucket{pipeline=\"p\",le=\"2\"} 10\nh_bucket{pipeline=\"p\",le=\"+Inf\"} 10\n\
        h_sum{pipeline=\"p\"} 12\nh_count{pipeline=\"p\"} 10\n";

    #[test]
    fn sums_and_quantiles_survive_a_merge() {
        let mut metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.sum("a_total", &[]), 4.0);
        assert_eq!(metrics.sum("a_total", &["outcome=\"fenced\""]), 1.0);
        assert_eq!(metrics.sum("b", &[]), 2.5);
        assert_eq!((metrics.count("a_total", &["pipeline=\"p\""]), metrics.count("c", &[])), (2, 0));
        assert_eq!(metrics.sum("c", &[]), 0.0);
        assert_eq!(metrics.quantile("h", 0.5), Some(1.0));
        assert_eq!(metrics.quantile("h", 0.75), Some(1.5));
        assert_eq!(metrics.quantile("b", 0.5), None);
        metrics.merge(&Metrics::parse(TEXT));
        assert_eq!(metrics.sum("a_total", &[]), 8.0);
        assert_eq!(metrics.quantile("h", 0.75), Some(1.5));
    }
}

//! The command line.

use std::ops::Range;
use std::time::Duration;

use spanbridge_protocol::sim::Scenario;

/// Runs the state machines of both services through crashes, lost answers, late and repeated commits, zombies and moving
/// partitions, and compares the outcome with a direct computation. Exit code 1: a seed failed.
#[derive(Debug, clap::Parser)]
pub(crate) struct Args {
    /// The number of seeds of each scenario
    #[arg(long, default_value_t = 1000)]
    seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    first: u64,

    /// Run only this seed
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,

    /// End each scenario after this time, even if not all seeds have run
    #[arg(long)]
    minutes: Option<u64>,

    /// Run only this scenario
    #[arg(long, value_parser = parse_scenario)]
    pub(crate) scenario: Option<Scenario>,
}

impl Args {
    /// The seeds to run.
    pub(crate) fn seeds(&self) -> Range<u64> {
        match self.seed {
            Some(seed) => seed..seed.saturating_add(1),
            None => self.first..self.first.saturating_add(self.seeds),
        }
    }

    /// The longest time of one scenario.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
    }
}

fn parse_scenario(name: &str) -> Result<Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name).collect();
        format!("the scenarios are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn one_seed_is_a_range_of_one() {
        let args = Args::parse_from(["simulation", "--seed", "17", "--scenario", "ingest"]);
        assert_eq!((args.seeds(), args.scenario.map(|it| it.name)), (17..18, Some("ingest")));
        let args = Args::parse_from(["simulation", "--first", "5", "--seeds", "10", "--minutes", "2"]);
        assert_eq!((args.seeds(), args.time_limit()), (5..15, Some(Duration::from_secs(120))));
    }

    #[test]
    fn unknown_scenario_lists_all() {
        let error = Args::try_parse_from(["simulation", "--scenario", "x"]).unwrap_err().to_string();
        assert!(error.contains("publish-atomic-incremental"), "{error}");
    }
}

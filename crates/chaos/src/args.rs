//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::fault::Fault;

/// Runs both services on a real broker, emulator and registry through faults, and checks that nothing was lost, repeated,
/// reordered, torn or read from aborted transactions. Exit code 1: an anomaly was found; 2: the run could not be completed.
#[derive(Debug, clap::Parser)]
pub(crate) struct Args {
    /// The time of writing and faults; the recovery and the checks follow
    #[arg(long, default_value_t = 5)]
    minutes: u64,

    /// The seed of the writers and of the faults
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Carry out these faults, in this order and once each, instead of random ones for some minutes
    #[arg(long, value_delimiter = ',', value_parser = parse_fault, conflicts_with = "minutes")]
    pub(crate) faults: Vec<Fault>,

    /// The number of records that are produced each second
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pub(crate) records: u64,

    /// The number of Spanner transactions that are committed each second
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=500))]
    pub(crate) transactions: u64,

    /// The workers of each service
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) workers: u8,

    /// The time without progress after the last fault that counts as a stall, in seconds
    #[arg(long, default_value_t = 240)]
    stall: u64,

    /// Another spanbridge binary to run the workers
    #[arg(long)]
    pub(crate) executable: Option<PathBuf>,

    /// Keep the logs and the history also after a run without anomalies
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Args {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.minutes.saturating_mul(60))
    }

    pub(crate) fn stall_timeout(&self) -> Duration {
        Duration::from_secs(self.stall)
    }
}

fn parse_fault(name: &str) -> Result<Fault, String> {
    Fault::named(name).ok_or_else(|| {
        let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        format!("the faults are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn faults_are_named() {
        let args = Args::parse_from(["chaos", "--faults", "kill-ingest,half-open", "--seed", "7"]);
        assert_eq!((args.faults, args.seed), (vec![Fault::KillIngest, Fault::HalfOpen], 7));
        let error = Args::try_parse_from(["chaos", "--faults", "x"]).unwrap_err().to_string();
        assert!(error.contains("broker-kill"), "{error}");
    }
}

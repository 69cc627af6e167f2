use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use spanbridge_config::parse_duration;

/// The arguments of `spanbridge ingest` and `spanbridge publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge ingest --config flights.toml
  spanbridge ingest --config flights.toml --pipeline flights --pipeline orders
  spanbridge publish --config flights.toml --listen 127.0.0.1:9466     a second worker on the same machine
  spanbridge publish --config flights.toml --listen none

Any number of workers can share a pipeline. SIGTERM or Ctrl-C finishes the current batches and exits within 25 s
(--shutdown-timeout), also when Kafka or Spanner hangs. A second signal exits at once, which is as safe as a crash. SIGHUP reads
telemetry.log and all secrets again.

A pipeline that fails restarts after a pause while Kafka, Spanner or the registry does not answer, for at most one hour. A
pipeline that needs a person stops alone; /readyz and /status show the cause. The process ends when no pipeline is left, with
the exit code of the first that stopped, or with --fail-fast when the first has stopped.

Exit codes: 0 stopped by a signal, or all pipelines reached their end; 1 a pipeline stopped with an error; 2 wrong usage or
configuration, refused credentials, or the bridge's tables are missing; 3 Kafka, Spanner or the registry did not answer for
an hour.")]
pub(crate) struct ServiceArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Run only this pipeline; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Vec<String>,

    /// Address of /livez /readyz /metrics /status, instead of telemetry.listen in the file; port 0 takes a free one
    #[arg(long, value_name = "ADDR|none")]
    pub(crate) listen: Option<Listen>,

    /// REST address of the emulator's gateway, for `evolve = "add-columns"`; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(crate) emulator_rest: Option<String>,

    /// Stop all pipelines as soon as one has stopped because of a failure
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// The longest time from SIGTERM to the exit, at least 10s. Kubernetes kills the process after
    /// terminationGracePeriodSeconds, 30s by default
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = shutdown_timeout)]
    pub(crate) shutdown_timeout: Duration,

    /// Exit at once when standard input ends, for a parent process that must leave no workers behind
    #[arg(long)]
    pub(crate) until_eof: bool,
}

/// The lowest value of `--shutdown-timeout`.
const MIN_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

fn shutdown_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout < MIN_SHUTDOWN_TIMEOUT {
        return Err(format!("it must be at least {MIN_SHUTDOWN_TIMEOUT:?}"));
    }
    Ok(timeout)
}

/// The address of the admin port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// The process has no admin port.
    Nowhere,
    /// The admin port listens at this address.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| "expected an address such as 127.0.0.1:9464, or none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        service: ServiceArgs,
    }

    #[test]
    fn shutdown_timeout_is_bounded_below() {
        let parse =
            |limit| Arguments::try_parse_from(["ingest", "--config", "f", "--shutdown-timeout", limit]);
        assert_eq!(parse("1m").unwrap().service.shutdown_timeout, Duration::from_secs(60));
        for limit in ["9s", "soon"] {
            assert_eq!(
                parse(limit).map(|arguments| arguments.service.shutdown_timeout).unwrap_err().exit_code(),
                2
            );
        }
    }

    #[test]
    fn listen_accepts_an_address_or_none() {
        let parse = |listen| Arguments::try_parse_from(["ingest", "--config", "f", "--listen", listen]);
        for (text, listen) in
            [("none", Listen::Nowhere), ("127.0.0.1:0", Listen::At("127.0.0.1:0".parse().unwrap()))]
        {
            assert_eq!(parse(text).map(|arguments| arguments.service.listen).unwrap(), Some(listen));
        }
        assert_eq!(parse("9464").map(|arguments| arguments.service.listen).unwrap_err().exit_code(), 2);
    }
}

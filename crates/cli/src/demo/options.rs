use spanbridge_testbed::{
    KafkaOptions, Options as TestbedOptions, RegistryOptions, Source, SpannerAddress, SpannerOptions,
};

/// What `spanbridge demo` is told.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge demo                     start all parts, run both services, check what came out
  spanbridge demo --kill 5            the same, with five kill -9 of each service on the way
  spanbridge demo --json > run.json   checks and figures for scripts
  spanbridge demo --keep              stay up afterwards, to look around

Exit codes: 0 all checks passed; 1 a check or a service failed; 2 wrong usage; 3 a prerequisite is missing or a part cannot be
reached.

Needs Java 17 and 21 with Maven (Apache Kafka 4.3 and Apicurio Registry 3.3, downloaded the first time), and the Spanner
emulator of the Google Cloud SDK; or running ones, by the options or by the environment: SPANBRIDGE_KAFKA, SPANBRIDGE_SPANNER,
SPANBRIDGE_SPANNER_REST, SPANBRIDGE_REGISTRY. In those it makes a database and topics of its own and takes them away at the end; an
interrupted run leaves them.")]
pub struct Options {
    /// Kill each service so many times with SIGKILL, at random places in the middle of the work, and start it again
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub kill: u32,

    /// Stay up after the checks, and print where everything is, until Ctrl-C
    #[arg(long)]
    pub keep: bool,

    /// Print checks and figures as one JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// Decides when and which workers are killed, and the trace ids of the records; a new one each time when absent
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Processes of each service
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub workers: u32,

    /// Bootstrap servers of a Kafka cluster that runs already
    #[arg(long, value_name = "ADDR")]
    pub kafka: Option<String>,

    /// gRPC address of a Spanner emulator that runs already
    #[arg(long, value_name = "ADDR", requires = "spanner_rest")]
    pub spanner: Option<String>,

    /// REST address of the same emulator
    #[arg(long, value_name = "ADDR", requires = "spanner")]
    pub spanner_rest: Option<String>,

    /// Base URL of a schema registry that runs already
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

impl Options {
    /// What is given here is used, then what the environment names; the rest is started.
    pub(super) fn testbed(&self) -> TestbedOptions {
        fn source<A>(given: Option<A>) -> Source<A> {
            given.map_or(Source::Environment, Source::Running)
        }
        let spanner = self.spanner.clone().zip(self.spanner_rest.clone());
        let spanner = spanner.map(|(grpc, rest)| SpannerAddress { grpc, rest });
        TestbedOptions {
            kafka: Some(KafkaOptions { source: source(self.kafka.clone()), ..Default::default() }),
            spanner: Some(SpannerOptions { source: source(spanner), ..Default::default() }),
            registry: Some(RegistryOptions { source: source(self.registry.clone()) }),
        }
    }
}

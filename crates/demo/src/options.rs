use spanbridge_testbed::{
    KafkaOptions, Options as TestbedOptions, RegistryOptions, Source, SpannerAddress, SpannerOptions,
};

/// The options of `spanbridge demo`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge demo                     start Kafka, Spanner and a registry, run both services, check the results
  spanbridge demo --kill 5            the same, and kill each service five times with SIGKILL
  spanbridge demo --json > run.json   write checks and figures for scripts
  spanbridge demo --keep              keep everything running afterwards, to look around

The demo needs Java 17 and 21 with Maven (for Apache Kafka 4.3 and Apicurio Registry 3.3, which the first run downloads) and
the Spanner emulator of the Google Cloud SDK. It uses running ones instead when the options or the environment name them:
SPANBRIDGE_KAFKA, SPANBRIDGE_SPANNER, SPANBRIDGE_SPANNER_REST, SPANBRIDGE_REGISTRY. There it creates its own database and
topics, and deletes them at the end. An interrupted run leaves them behind.

Exit codes: 0 all checks passed; 1 a check or a service failed; 2 wrong usage; 3 a prerequisite is missing, or Kafka, Spanner
or the registry cannot be reached.")]
pub struct Options {
    /// Kill each service this many times with SIGKILL, at random moments during the work, and restart it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub kill: u32,

    /// Keep everything running after the checks until Ctrl-C, and print all addresses
    #[arg(long)]
    pub keep: bool,

    /// Print the checks and figures as one JSON object on standard output
    #[arg(long)]
    pub json: bool,

    /// Seed for the kills and for the records' trace ids; random by default
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Number of processes of each service
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub workers: u32,

    /// Bootstrap servers of a running Kafka cluster
    #[arg(long, value_name = "ADDR")]
    pub kafka: Option<String>,

    /// gRPC address of a running Spanner emulator
    #[arg(long, value_name = "ADDR", requires = "spanner_rest")]
    pub spanner: Option<String>,

    /// REST address of the same emulator
    #[arg(long, value_name = "ADDR", requires = "spanner")]
    pub spanner_rest: Option<String>,

    /// Base URL of a running schema registry
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

impl Options {
    /// Returns the options of the testbed: use what the options or the environment name, and start the rest.
    pub(super) fn testbed_options(&self) -> TestbedOptions {
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

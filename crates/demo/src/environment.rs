//! Kafka, Spanner and the registry of one run, and the resources that the run creates in them.

use std::time::Duration;

use spanbridge_kafka::{Admin, ClientOptions};
use spanbridge_schema::{Registry, RegistryOptions};
use spanbridge_spanner::Options as SpannerOptions;
use spanbridge_testbed::Testbed;

use super::configuration::{Addresses, PARTITIONS};
use super::database;
use super::resource_names::ResourceNames;
use crate::error::Result;
use crate::options::Options;

/// The timeout of one request to Kafka.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(30);

/// The environment of one run.
pub(super) struct Environment {
    testbed: Testbed,
    pub(super) addresses: Addresses,
    pub(super) names: ResourceNames,
    /// True when Kafka, Spanner or the registry was running before and stays.
    is_shared: bool,
}

impl Environment {
    /// Starts what is not running yet, and chooses the names of this run.
    pub(super) async fn start(options: &Options) -> Result<Self> {
        let testbed = Testbed::start(options.testbed_options()).await?;
        let (kafka, spanner, registry) = (testbed.kafka()?, testbed.spanner()?, testbed.registry()?);
        let is_shared = kafka.pid().is_none() || spanner.pid().is_none() || registry.pid().is_none();
        // The name of a database has at most 30 characters.
        let suffix = format!("{:08x}", rand::random::<u32>());
        let addresses = Addresses {
            kafka: kafka.bootstrap().to_owned(),
            spanner: spanner.grpc().to_owned(),
            spanner_rest: spanner.rest().to_owned(),
            registry: registry.url().to_owned(),
        };
        let names = ResourceNames::new(is_shared.then_some(&suffix));
        Ok(Self { testbed, addresses, names, is_shared })
    }

    pub(super) fn kafka(&self) -> ClientOptions {
        ClientOptions::new(&self.addresses.kafka, "spanbridge-demo")
    }

    pub(super) fn spanner(&self) -> SpannerOptions {
        database::options(&self.names, &self.addresses.spanner, &self.addresses.spanner_rest)
    }

    pub(super) fn registry(&self) -> Result<Registry> {
        Ok(Registry::connect(RegistryOptions::new(&self.addresses.registry))?)
    }

    /// Creates the topic of the flights.
    pub(super) async fn create_topic(&self) -> Result<()> {
        let admin = Admin::new(&self.kafka(), KAFKA_TIMEOUT)?;
        admin.ensure_topic(&self.names.topic, i32::from(PARTITIONS), 1, &[]).await?;
        Ok(())
    }

    /// Stops what was started. Deletes the database and the topics of this run from what stays; a registry keeps its
    /// subjects.
    pub(super) async fn stop(self) -> Result<()> {
        if self.is_shared {
            let admin = Admin::new(&self.kafka(), KAFKA_TIMEOUT)?;
            for topic in self.names.topics() {
                admin.delete_topic(&topic).await?;
            }
            database::drop_database(&self.spanner()).await?;
        }
        Ok(self.testbed.stop().await?)
    }
}

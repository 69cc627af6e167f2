//! Kafka, Spanner and the registry of one run.

use spanbridge_kafka::{Admin, ClientOptions};
use spanbridge_schema::{Options as RegistryOptions, Registry};
use spanbridge_spanner::Options as SpannerOptions;
use spanbridge_testbed::Testbed;

use super::names::Names;
use super::settings::{Addresses, PARTITIONS};
use super::{LIMIT, Options, database};
use crate::Result;

pub(super) struct Parts {
    testbed: Testbed,
    pub(super) addresses: Addresses,
    pub(super) names: Names,
    /// Some of them were there before, and stay.
    shared: bool,
}

impl Parts {
    pub(super) async fn start(options: &Options) -> Result<Self> {
        let testbed = Testbed::start(options.testbed()).await?;
        let (kafka, spanner, registry) = (testbed.kafka()?, testbed.spanner()?, testbed.registry()?);
        let shared = kafka.pid().is_none() || spanner.pid().is_none() || registry.pid().is_none();
        // A database's name has room for some characters only.
        let tag = format!("{:08x}", rand::random::<u32>());
        let addresses = Addresses {
            kafka: kafka.bootstrap().to_owned(),
            spanner: spanner.grpc().to_owned(),
            spanner_rest: spanner.rest().to_owned(),
            registry: registry.url().to_owned(),
        };
        let names = Names::new(shared.then_some(&tag));
        Ok(Self { testbed, addresses, names, shared })
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

    /// The topic of the flights.
    pub(super) async fn create_topic(&self) -> Result<()> {
        let admin = Admin::new(&self.kafka(), LIMIT)?;
        admin.ensure_topic(&self.names.topic, i32::from(PARTITIONS), 1, &[]).await?;
        Ok(())
    }

    /// Ends what was started, and takes this run's database and topics away from what stays; a registry keeps its subjects.
    pub(super) async fn stop(self) -> Result<()> {
        if self.shared {
            let admin = Admin::new(&self.kafka(), LIMIT)?;
            for topic in self.names.topics() {
                admin.delete_topic(&topic).await?;
            }
            database::drop_database(&self.spanner()).await?;
        }
        Ok(self.testbed.stop().await?)
    }
}

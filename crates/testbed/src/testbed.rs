//! Starts and stops the requested components together.

use crate::error::{Error, ErrorKind};
use crate::kafka::{Kafka, KafkaOptions};
use crate::registry::{Registry, RegistryOptions};
use crate::spanner::{Spanner, SpannerOptions};

/// The requested components and their options; none by default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The options of Kafka, if requested.
    pub kafka: Option<KafkaOptions>,
    /// The options of the Spanner emulator, if requested.
    pub spanner: Option<SpannerOptions>,
    /// The options of the schema registry, if requested.
    pub registry: Option<RegistryOptions>,
}

impl Options {
    /// Requests all components with their defaults.
    #[must_use]
    pub fn all() -> Self {
        Self {
            kafka: Some(Default::default()),
            spanner: Some(Default::default()),
            registry: Some(Default::default()),
        }
    }
}

/// The components of one demo, test binary or benchmark.
///
/// They do not depend on an async runtime, so tests with different runtimes may share a testbed in a `static`. The
/// components end with the process at the latest, even when the testbed is not dropped.
pub struct Testbed {
    kafka: Option<Kafka>,
    spanner: Option<Spanner>,
    registry: Option<Registry>,
}

impl Testbed {
    /// Starts the requested components concurrently, and waits until all answer. The very first start downloads about
    /// 200 MB.
    ///
    /// # Errors
    /// The first error of any component; the components that had started are stopped.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let kafka = async {
            match options.kafka {
                Some(options) => Kafka::start(options).await.map(Some),
                None => Ok(None),
            }
        };
        let spanner = async {
            match options.spanner {
                Some(options) => Spanner::start(options).await.map(Some),
                None => Ok(None),
            }
        };
        let registry = async {
            match options.registry {
                Some(options) => Registry::start(options).await.map(Some),
                None => Ok(None),
            }
        };
        let (kafka, spanner, registry) = tokio::try_join!(kafka, spanner, registry)?;
        Ok(Self { kafka, spanner, registry })
    }

    /// Returns Kafka.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn kafka(&self) -> Result<&Kafka, Error> {
        requested(self.kafka.as_ref(), "kafka")
    }

    /// Returns the Spanner emulator.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn spanner(&self) -> Result<&Spanner, Error> {
        requested(self.spanner.as_ref(), "spanner")
    }

    /// Returns the schema registry.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn registry(&self) -> Result<&Registry, Error> {
        requested(self.registry.as_ref(), "registry")
    }

    /// Stops the components that were started here.
    ///
    /// # Errors
    /// The first error of any component; all are stopped in any case.
    pub async fn stop(self) -> Result<(), Error> {
        let kafka = async {
            match self.kafka.as_ref().filter(|kafka| kafka.pid().is_some()) {
                Some(kafka) => kafka.stop(crate::Stop::Clean).await,
                None => Ok(()),
            }
        };
        let spanner = async {
            match self.spanner.as_ref().filter(|spanner| spanner.pid().is_some()) {
                Some(spanner) => spanner.stop().await,
                None => Ok(()),
            }
        };
        let registry = async {
            match self.registry.as_ref().filter(|registry| registry.pid().is_some()) {
                Some(registry) => registry.stop().await,
                None => Ok(()),
            }
        };
        let (kafka, spanner, registry) = tokio::join!(kafka, spanner, registry);
        kafka.and(spanner).and(registry)
    }
}

fn requested<'a, C>(component: Option<&'a C>, name: &str) -> Result<&'a C, Error> {
    let what = || format!("{name} was not requested; set Options::{name}");
    component.ok_or_else(|| Error::new(ErrorKind::NotOurs, what()))
}

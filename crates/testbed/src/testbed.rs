use crate::error::{Error, ErrorKind};
use crate::kafka::{Kafka, KafkaOptions};
use crate::registry::{Registry, RegistryOptions};
use crate::spanner::{Spanner, SpannerOptions};

/// Which parts to get, and how; none by default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Kafka, when it is wanted.
    pub kafka: Option<KafkaOptions>,
    /// The Spanner emulator, when it is wanted.
    pub spanner: Option<SpannerOptions>,
    /// The schema registry, when it is wanted.
    pub registry: Option<RegistryOptions>,
}

impl Options {
    /// All parts with their defaults.
    #[must_use]
    pub fn all() -> Self {
        Self {
            kafka: Some(Default::default()),
            spanner: Some(Default::default()),
            registry: Some(Default::default()),
        }
    }
}

/// The parts of one demo, test binary or benchmark. They depend on no runtime: a testbed may be shared, in a
/// `static`, by tests with a runtime each. Dropped or not, its parts end with the process at the latest.
pub struct Testbed {
    kafka: Option<Kafka>,
    spanner: Option<Spanner>,
    registry: Option<Registry>,
}

impl Testbed {
    /// Gets the requested parts, all at once, and waits until all answer. The first time ever this downloads
    /// some 200 MB.
    ///
    /// # Errors
    /// The first error of any part; those that had started are ended.
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

    /// Kafka.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn kafka(&self) -> Result<&Kafka, Error> {
        requested(self.kafka.as_ref(), "kafka")
    }

    /// The Spanner emulator.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn spanner(&self) -> Result<&Spanner, Error> {
        requested(self.spanner.as_ref(), "spanner")
    }

    /// The schema registry.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it was not requested.
    pub fn registry(&self) -> Result<&Registry, Error> {
        requested(self.registry.as_ref(), "registry")
    }

    /// Ends what was started here, cleanly.
    ///
    /// # Errors
    /// The first error of any part; all are ended in any case.
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

fn requested<'a, P>(part: Option<&'a P>, name: &str) -> Result<&'a P, Error> {
    let what = || format!("{name} was not requested; set Options::{name}");
    part.ok_or_else(|| Error::new(ErrorKind::NotOurs, what()))
}

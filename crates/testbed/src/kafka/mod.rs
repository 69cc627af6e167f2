//! Apache Kafka.

mod broker;

use std::sync::Arc;

use crate::child::Stop;
use crate::error::{Error, ErrorKind};
use crate::part::{Part, Place, off_thread};
use crate::proxy::Proxy;
use crate::source::{self, Source};

use broker::Broker;

/// How to get a Kafka cluster.
#[derive(Debug, Clone, Default)]
pub struct KafkaOptions {
    /// Where from. The environment's is `SPANBRIDGE_KAFKA`: bootstrap servers, `host:port,host:port`.
    pub source: Source<String>,
    /// Broker settings over the testbed's own; the last one of a name counts. Only for a broker that is
    /// started.
    pub properties: Vec<(String, String)>,
    /// Java options over the testbed's own, such as `-Xmx1g`. Only for a broker that is started.
    pub jvm: Vec<String>,
}

/// A Kafka cluster: one broker of Apache Kafka 4.3.1 started here, or one that ran already.
pub struct Kafka {
    place: Place<Broker, ()>,
    bootstrap: String,
}

impl Kafka {
    /// Uses the cluster that `options` or the environment name, or else starts one and waits until it
    /// answers.
    ///
    /// # Errors
    /// [`ErrorKind::MissingPrerequisite`] without setpriv, Java 17 or Maven (the last only for the first
    /// time);
    /// [`ErrorKind::Address`] when a given address does not answer; otherwise what kept it from starting.
    pub async fn start(options: KafkaOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(bootstrap) = options.source.address(|| Ok(source::variable(source::KAFKA)))? {
                source::check_any(&bootstrap, source::KAFKA)?;
                return Ok(Self { place: Place::External(()), bootstrap });
            }
            let part = Part::start_new(Broker::install(options.properties, options.jvm)?)?;
            let bootstrap = part.port(Broker::CLIENTS).address();
            Ok(Self { place: Place::Ours(Arc::new(part)), bootstrap })
        })
        .await
    }

    /// The bootstrap servers, `127.0.0.1:<port>` for one that was started here.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A proxy to this broker: its [`Proxy::address`] serves as bootstrap server of clients that stay behind
    /// it, for the broker tells them the proxy's address in place of its own. One at a time.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here; [`ErrorKind::Io`] when there is one
    /// already.
    pub async fn proxy(&self) -> Result<Proxy, Error> {
        let Place::Ours(part) = &self.place else {
            return Err(Error::new(
                ErrorKind::NotOurs,
                "only a broker that the testbed started can be put behind a proxy",
            ));
        };
        Proxy::kafka(part.port(Broker::PROXY).number(), part.port(Broker::PROXIED).address()).await
    }

    /// The broker's process id; none when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.place.pids().first().copied()
    }

    /// Ends the broker; data and port stay for [`Kafka::resume`]. Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`]; [`ErrorKind::Timeout`] when it did not end cleanly in a minute (then it was
    /// killed).
    pub async fn stop(&self, how: Stop) -> Result<(), Error> {
        self.place.control(move |part| part.stop(how)).await
    }

    /// Starts a stopped broker on its old data and port and waits until it answers. Does nothing when it
    /// runs.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`], or what kept it from starting.
    pub async fn resume(&self) -> Result<(), Error> {
        self.place.control(Part::start).await
    }

    /// Ends the broker and starts it on the same data and port.
    ///
    /// # Errors
    /// As [`Kafka::stop`] and [`Kafka::resume`].
    pub async fn restart(&self, how: Stop) -> Result<(), Error> {
        self.place.control(move |part| part.restart(how)).await
    }
}

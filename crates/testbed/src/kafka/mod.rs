//! Starts Apache Kafka, or uses a running cluster.

mod acl;
mod broker;
mod scram;
mod security;

use std::path::PathBuf;
use std::sync::Arc;

use crate::child::Stop;
use crate::component::{Component, Instance, off_thread};
use crate::error::{Error, ErrorKind};
use crate::proxy::Proxy;
use crate::source::{self, Source};

pub use acl::{Acl, Operation, Resource};
use broker::Broker;
pub use security::{KafkaSecurity, KafkaUser, Listener, PLAIN_USERS, SUPER_USER};

/// The options of a Kafka cluster.
#[derive(Debug, Clone, Default)]
pub struct KafkaOptions {
    /// The source. The environment variable is `SPANBRIDGE_KAFKA`: bootstrap servers, `host:port,host:port`.
    pub source: Source<String>,
    /// Broker settings that override those of the testbed; the last one of a name counts. Ignored for a running broker.
    pub properties: Vec<(String, String)>,
    /// Java options that override those of the testbed, such as `-Xmx1g`. Ignored for a running broker.
    pub jvm: Vec<String>,
    /// Listeners with TLS and SASL, and access control; none by default. Ignored for a running broker.
    pub security: Option<KafkaSecurity>,
}

/// A Kafka cluster: one broker of Apache Kafka started here, or a running cluster. The version is 4.3.1, or that in the
/// variable `SPANBRIDGE_KAFKA_VERSION`.
pub struct Kafka {
    instance: Instance<Broker, ()>,
    bootstrap: String,
}

impl Kafka {
    /// Uses the cluster that the options or the environment name. Otherwise starts one and waits until it answers.
    ///
    /// # Errors
    /// [`ErrorKind::MissingPrerequisite`] without setpriv, Java 17 or Maven (needed only for the first start);
    /// [`ErrorKind::Address`] when a given address does not answer; otherwise the reason why it did not start.
    pub async fn start(options: KafkaOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(bootstrap) = options.source.clone().address(|| Ok(source::variable(source::KAFKA)))? {
                source::check_any(&bootstrap, source::KAFKA)?;
                return Ok(Self { instance: Instance::External(()), bootstrap });
            }
            let component = Component::start_new(Broker::install(options)?)?;
            let bootstrap = component.port(Broker::CLIENTS).address();
            Ok(Self { instance: Instance::Owned(Arc::new(component)), bootstrap })
        })
        .await
    }

    /// Returns the bootstrap servers: `127.0.0.1:<port>` for a cluster that was started here.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Starts a proxy to this broker. Its [`Proxy::address`] is a bootstrap server whose clients stay behind it, because the
    /// broker advertises the proxy's address to them. There can be one proxy at a time.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here; [`ErrorKind::Io`] when there is already a proxy.
    pub async fn proxy(&self) -> Result<Proxy, Error> {
        let component = self.component("can be put behind a proxy")?;
        Proxy::kafka(component.port(Broker::PROXY).number(), component.port(Broker::PROXIED).address()).await
    }

    /// Sets the password of a user for SCRAM-SHA-512, and creates the user if necessary. Connections that are already open
    /// stay authenticated.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here; otherwise the reason why Kafka's tool failed.
    pub async fn set_scram_password(&self, user: &str, password: &str) -> Result<(), Error> {
        let (bootstrap, user, password) = (self.bootstrap.clone(), user.to_owned(), password.to_owned());
        self.instance
            .control(move |component| {
                scram::set_password(component.program().tool(), &bootstrap, &user, &password)
            })
            .await
    }

    /// Returns the bootstrap server of a listener.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here; every listener needs [`KafkaOptions::security`].
    pub fn listener(&self, listener: Listener) -> Result<String, Error> {
        Ok(self.component("has listeners with TLS and SASL")?.port(Broker::port_of(listener)).address())
    }

    /// Returns the folder in which the broker stores its partitions.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here.
    pub fn data_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.component("shows its folder")?.folder().join(broker::DATA))
    }

    /// Replaces all access control lists of a broker with [`KafkaOptions::security`].
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] for a cluster that was not started here; [`ErrorKind::Io`] when the broker refuses them.
    pub async fn replace_acls(&self, acls: Vec<Acl>) -> Result<(), Error> {
        let port = self.component("can be given access control lists")?.port(Broker::CLIENTS).number();
        off_thread(move || acl::replace(port, &acls)).await
    }

    fn component(&self, what: &str) -> Result<&Component<Broker>, Error> {
        match &self.instance {
            Instance::Owned(component) => Ok(component),
            Instance::External(()) => {
                Err(Error::new(ErrorKind::NotOurs, format!("only a broker that the testbed started {what}")))
            }
        }
    }

    /// Returns the broker's process id, or `None` when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.instance.pids().first().copied()
    }

    /// Suspends the broker with SIGSTOP: it keeps its connections and answers nothing, until [`Self::thaw`].
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`] when it does not run or was not started here.
    pub fn freeze(&self) -> Result<(), Error> {
        crate::child::signal_all(&self.instance.pids(), rustix::process::Signal::STOP)
    }

    /// Resumes the broker with SIGCONT.
    ///
    /// # Errors
    /// As [`Self::freeze`].
    pub fn thaw(&self) -> Result<(), Error> {
        crate::child::signal_all(&self.instance.pids(), rustix::process::Signal::CONT)
    }

    /// Stops the broker, and keeps its data and port for [`Kafka::resume`]. Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`]; [`ErrorKind::Timeout`] when it did not exit within a minute, and was killed.
    pub async fn stop(&self, how: Stop) -> Result<(), Error> {
        self.instance.control(move |component| component.stop(how)).await
    }

    /// Starts a stopped broker on its old data and port, and waits until it answers. Does nothing when it runs.
    ///
    /// # Errors
    /// [`ErrorKind::NotOurs`], or the reason why it did not start.
    pub async fn resume(&self) -> Result<(), Error> {
        self.instance.control(Component::start).await
    }

    /// Stops the broker and starts it on the same data and port.
    ///
    /// # Errors
    /// As [`Kafka::stop`] and [`Kafka::resume`].
    pub async fn restart(&self, how: Stop) -> Result<(), Error> {
        self.instance.control(move |component| component.restart(how)).await
    }
}

//! How clients reach the cluster, and the librdkafka configuration that follows from it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use spanbridge_credentials::TokenThread;

use crate::connection::{Connection, Outage};
use crate::error::{Error, ErrorKind, Result};
use crate::properties::ClientKind;
use crate::redaction::Redaction;
use crate::settings::ClientSettings;

/// The cluster's address and the user's librdkafka properties, the same for all clients of a process.
///
/// `Debug` prints the names of the properties without their values, which may be secrets.
#[derive(Clone)]
pub struct ClientOptions {
    /// Addresses of one or more brokers: `host:port,host:port`.
    pub bootstrap: String,
    /// Other librdkafka properties by name
    /// (<https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md>). Each client takes those
    /// that apply to its kind. The properties that exactly-once depends on are fixed; see the documentation
    /// of each client.
    pub properties: Vec<(String, String)>,
    /// The property `client.id`, which appears in the brokers' logs, quotas and metrics.
    pub client_id: String,
    /// The source of tokens for the mechanism OAUTHBEARER, which all clients then use.
    pub tokens: Option<Arc<TokenThread>>,
    /// The state of the connections of all clients of these options and of clones of them.
    connection: Arc<Connection>,
}

impl std::fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.properties.iter().map(|(k, _)| k).collect();
        f.debug_struct("ClientOptions")
            .field("bootstrap", &self.bootstrap)
            .field("client_id", &self.client_id)
            .field("properties", &names)
            .finish()
    }
}

impl ClientOptions {
    /// Creates options without further properties.
    pub fn new(bootstrap: impl Into<String>, client_id: impl Into<String>) -> Self {
        ClientOptions {
            bootstrap: bootstrap.into(),
            client_id: client_id.into(),
            properties: Vec::new(),
            tokens: None,
            connection: Arc::default(),
        }
    }

    /// Adds a property. If a name is added twice, the last value counts.
    #[must_use]
    pub fn with_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Returns why the brokers do not answer the clients of these options and of clones of them, if that is known.
    pub fn outage(&self) -> Option<Outage> {
        self.connection.outage()
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Returns the value of a property that is a time in milliseconds, or `None` if it is not set.
    ///
    /// # Errors
    /// `Config` if the value is not a whole number.
    pub fn milliseconds(&self, name: &str) -> Result<Option<Duration>> {
        let Some((_, value)) = self.properties.iter().rev().find(|(property, _)| property == name) else {
            return Ok(None);
        };
        let number = value.trim().parse().map_err(|_| {
            Error::new(ErrorKind::Config, format!("Kafka property {name} must be a number of milliseconds"))
        })?;
        Ok(Some(Duration::from_millis(number)))
    }

    /// Builds the settings of one client: `defaults`, the user's properties that apply to its `kind`,
    /// and `required` properties, each overriding those before it. No client creates a topic by naming it.
    ///
    /// # Errors
    /// `Config` if no broker is named.
    pub(crate) fn settings(
        &self,
        kind: ClientKind,
        defaults: &[(&str, &str)],
        required: &[(&str, &str)],
    ) -> Result<ClientSettings> {
        if self.bootstrap.trim().is_empty() {
            let message = "bootstrap is empty; name at least one broker as host:port";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut config = ClientConfig::new();
        // The default level is that of the `log` crate, at which librdkafka may not log lost connections (see
        // `log`).
        config.set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        if self.tokens.is_some() {
            config.set("security.protocol", "sasl_ssl").set("sasl.mechanism", "OAUTHBEARER");
        }
        for (name, value) in self.properties.iter().filter(|(name, _)| kind.uses(name)) {
            config.set(name, value);
        }
        for (name, value) in [("allow.auto.create.topics", "false")].iter().chain(required) {
            if self.properties.iter().any(|(k, v)| k == name && v != value) {
                tracing::warn!(
                    property = name,
                    value,
                    "Ignored a configured Kafka property whose value is fixed"
                );
            }
            config.set(*name, *value);
        }
        config.set("bootstrap.servers", &self.bootstrap).set("client.id", &self.client_id);
        Ok(ClientSettings::new(
            config,
            Redaction::new(&self.properties),
            self.connection.clone(),
            self.tokens.clone(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_override_properties_override_defaults() {
        let options = ClientOptions::new("b:1", "me")
            .with_property("fetch.min.bytes", "7")
            .with_property("isolation.level", "read_uncommitted");
        let config = options
            .settings(
                ClientKind::Consumer,
                &[("fetch.min.bytes", "5"), ("fetch.max.bytes", "9")],
                &[("isolation.level", "read_committed")],
            )
            .unwrap();
        assert_eq!(config.get("fetch.min.bytes"), Some("7"));
        assert_eq!(config.get("fetch.max.bytes"), Some("9"));
        assert_eq!(config.get("isolation.level"), Some("read_committed"));
    }

    #[test]
    fn milliseconds_parses_only_numbers() {
        let options = ClientOptions::new("b:1", "me")
            .with_property("linger.ms", "7")
            .with_property("isolation.level", "read_uncommitted");
        assert_eq!(options.milliseconds("linger.ms").unwrap(), Some(Duration::from_millis(7)));
        assert_eq!(options.milliseconds("batch.size").unwrap(), None);
        assert_eq!(options.milliseconds("isolation.level").unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn properties_reach_only_clients_of_their_kind() {
        let options = ClientOptions::new("b:1", "me")
            .with_property("linger.ms", "7")
            .with_property("session.timeout.ms", "8000")
            .with_property("socket.timeout.ms", "9000")
            .with_property("no.such.property", "1");
        for (kind, linger, session) in [
            (ClientKind::Consumer, None, Some("8000")),
            (ClientKind::Producer, Some("7"), None),
            (ClientKind::Metadata, None, None),
        ] {
            let config = options.settings(kind, &[], &[]).unwrap();
            assert_eq!(config.get("linger.ms"), linger, "{kind:?}");
            assert_eq!(config.get("session.timeout.ms"), session, "{kind:?}");
            assert_eq!(config.get("socket.timeout.ms"), Some("9000"), "{kind:?}");
            assert_eq!(config.get("no.such.property"), Some("1"), "{kind:?}");
        }
    }

    #[test]
    fn no_client_creates_topics_by_naming_them() {
        let options = ClientOptions::new("b:1", "me").with_property("allow.auto.create.topics", "true");
        for kind in [ClientKind::Consumer, ClientKind::Producer, ClientKind::Metadata] {
            let config = options.settings(kind, &[], &[]).unwrap();
            assert_eq!(config.get("allow.auto.create.topics"), Some("false"), "{kind:?}");
        }
    }

    #[test]
    fn debug_shows_no_values() {
        let options = ClientOptions::new("b:1", "me").with_property("sasl.password", "hunter2");
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn empty_bootstrap_is_a_config_error() {
        let error = ClientOptions::new(" ", "me").settings(ClientKind::Metadata, &[], &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

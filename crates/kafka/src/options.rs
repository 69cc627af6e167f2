use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::error::{Error, ErrorKind, Result};

/// How to reach the cluster. Secrets are never shown: `Debug` prints property names only.
#[derive(Clone)]
pub struct ClientOptions {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// Any other librdkafka property, as it is
    /// (<https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md>).
    /// What exactly-once rests on cannot be changed by them; see each client's documentation.
    pub properties: Vec<(String, String)>,
    /// `client.id`: shows up in the brokers' logs, quotas and metrics.
    pub client_id: String,
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
    pub fn new(bootstrap: impl Into<String>, client_id: impl Into<String>) -> Self {
        ClientOptions { bootstrap: bootstrap.into(), client_id: client_id.into(), properties: Vec::new() }
    }

    #[must_use]
    pub fn with_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// A property that is a time in milliseconds; the last one of a name counts.
    ///
    /// # Errors
    /// `Config` when it is no such number.
    pub fn milliseconds(&self, name: &str) -> Result<Option<Duration>> {
        let Some((_, value)) = self.properties.iter().rev().find(|(property, _)| property == name) else {
            return Ok(None);
        };
        let number = value.trim().parse().map_err(|_| {
            Error::new(ErrorKind::Config, format!("the property {name} must be a number of milliseconds"))
        })?;
        Ok(Some(Duration::from_millis(number)))
    }

    /// The client's configuration: its defaults, the user's properties over them, and what must be over both.
    pub(crate) fn config(
        &self,
        defaults: &[(&str, &str)],
        required: &[(&str, &str)],
    ) -> Result<ClientConfig> {
        if self.bootstrap.trim().is_empty() {
            let what = "bootstrap is empty; name at least one broker as host:port";
            return Err(Error::new(ErrorKind::Config, what));
        }
        let mut config = ClientConfig::new();
        // Without it, rdkafka asks the `log` crate, and librdkafka says nothing of lost connections (see `log`).
        config.set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        for (name, value) in required {
            if self.properties.iter().any(|(k, v)| k == name && v != value) {
                tracing::warn!(
                    property = name,
                    value,
                    "this property is fixed here; the configured value is ignored"
                );
            }
            config.set(*name, *value);
        }
        config.set("bootstrap.servers", &self.bootstrap).set("client.id", &self.client_id);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_over_properties_over_defaults() {
        let options = ClientOptions::new("b:1", "me")
            .with_property("linger.ms", "7")
            .with_property("isolation.level", "read_uncommitted");
        let config = options
            .config(&[("linger.ms", "5"), ("batch.size", "9")], &[("isolation.level", "read_committed")])
            .unwrap();
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(options.milliseconds("linger.ms").unwrap(), Some(Duration::from_millis(7)));
        assert_eq!(options.milliseconds("batch.size").unwrap(), None);
        assert_eq!(options.milliseconds("isolation.level").unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(config.get("batch.size"), Some("9"));
        assert_eq!(config.get("isolation.level"), Some("read_committed"));
    }

    #[test]
    fn debug_shows_no_values() {
        let options = ClientOptions::new("b:1", "me").with_property("sasl.password", "hunter2");
        assert!(!format!("{options:?}").contains("hunter2"));
    }

    #[test]
    fn empty_bootstrap_is_a_config_error() {
        assert_eq!(ClientOptions::new(" ", "me").config(&[], &[]).unwrap_err().kind(), ErrorKind::Config);
    }
}

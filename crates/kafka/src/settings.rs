//! The complete configuration of one client, from which the client is created.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use spanbridge_credentials::TokenThread;

use crate::connection::Connection;
use crate::context::SharedContext;
use crate::error::{Error, ErrorKind, Result};
use crate::event_queue::EventQueue;
use crate::redaction::Redaction;

/// The longest time that a new client waits for its first token. Without one it connects later.
const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_secs(3);

/// The configuration of a client with the redaction of its values. `Debug` shows no values.
#[derive(Clone)]
pub(crate) struct ClientSettings {
    config: ClientConfig,
    redaction: Arc<Redaction>,
    tokens: Option<Arc<TokenThread>>,
    connection: Arc<Connection>,
}

impl std::fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSettings")
    }
}

impl ClientSettings {
    pub(crate) fn new(
        config: ClientConfig,
        redaction: Redaction,
        connection: Arc<Connection>,
        tokens: Option<Arc<TokenThread>>,
    ) -> Self {
        ClientSettings { config, redaction: Arc::new(redaction), connection, tokens }
    }

    /// Removes a property.
    pub(crate) fn remove(&mut self, name: &str) {
        self.config.remove(name);
    }

    /// Returns the value of a property.
    #[cfg(test)]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.config.get(name)
    }

    /// Creates a client. `context` receives the part of its context that all clients share, and `operation`
    /// completes "Cannot …".
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects. The message names the property and never its value.
    pub(crate) fn create<C, T>(&self, operation: &str, context: impl FnOnce(SharedContext) -> C) -> Result<T>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C> + EventQueue,
    {
        let shared = SharedContext::new(self.redaction.clone(), self.connection.clone(), self.tokens.clone());
        let client: T = self
            .config
            .create_with_context(context(shared.clone()))
            .map_err(|error| self.creation_error(operation, &error))?;
        // librdkafka asks for the first token through the client's queue, which blocking calls do not serve.
        let started = Instant::now();
        while shared.awaits_token() && started.elapsed() < FIRST_TOKEN_TIMEOUT && client.serve() {}
        Ok(client)
    }

    /// Describes why librdkafka rejects the configuration. rdkafka's own error prints the value, so it is dropped.
    fn creation_error(&self, operation: &str, error: &KafkaError) -> Error {
        let reason = match error {
            KafkaError::ClientConfig(result, description, name, _) => {
                property_error(*result, description, name)
            }
            KafkaError::ClientCreation(description) => {
                self.redaction.without_values(description.trim()).into_owned()
            }
            KafkaError::Nul(_) => "the value of a property contains a NUL character".to_owned(),
            other => return Error::from_kafka(operation, other.clone()),
        };
        Error::new(ErrorKind::Config, format!("Cannot {operation}: {reason}; correct [kafka.properties]"))
    }
}

/// Describes the rejection of one property without its value, which librdkafka's description may quote.
fn property_error(result: RDKafkaConfRes, description: &str, name: &str) -> String {
    const UNSUPPORTED: &str = "not supported in this build: ";
    match (result, description.split_once(UNSUPPORTED)) {
        (RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _) => format!("librdkafka has no property `{name}`"),
        (_, Some((_, reason))) => format!("the property `{name}` is not supported by this build: {reason}"),
        _ => format!("librdkafka rejects the value of the property `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use crate::context::PlainContext;
    use crate::options::ClientOptions;
    use crate::properties::ClientKind;

    use super::*;

    fn error(name: &str, value: &str) -> String {
        let options = ClientOptions::new("b:1", "me").with_property(name, value);
        let settings = options.settings(ClientKind::Metadata, &[], &[]).unwrap();
        let created: Result<BaseConsumer<PlainContext>> = settings.create("create it", PlainContext::new);
        let Err(error) = created else { panic!("{name} was accepted") };
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn errors_name_the_property_and_not_its_value() {
        for (name, value, reason) in [
            ("no.such", "secret", "librdkafka has no property `no.such`"),
            (
                "socket.timeout.ms",
                "secret",
                "librdkafka rejects the value of the property `socket.timeout.ms`",
            ),
            ("sasl.password", "a\0b", "the value of a property contains a NUL character"),
        ] {
            let expected =
                format!("[SB-KAFKA-CONFIG] Cannot create it: {reason}; correct [kafka.properties]");
            assert_eq!(error(name, value), expected);
        }
    }
}

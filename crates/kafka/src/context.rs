//! The callbacks that all clients have in common.
//!
//! The context of each client holds a [`SharedContext`] and passes librdkafka's log lines and errors to it, so that
//! every client logs in the same way and no line contains a secret.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::log;
use crate::redaction::Redaction;

/// The part of a client's context that does not depend on the kind of the client. Clones belong to the same client.
#[derive(Clone)]
pub(crate) struct SharedContext {
    redaction: Arc<Redaction>,
}

impl SharedContext {
    pub(crate) fn new(redaction: Arc<Redaction>) -> Self {
        SharedContext { redaction }
    }

    /// Takes a log line of librdkafka.
    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log::forward(level, facility, &self.redaction.without_secrets(message));
    }

    /// Takes an error of the client, and the text that explains it.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        let reason = self.redaction.without_secrets(reason);
        tracing::debug!(%error, %reason, "Kafka client error; librdkafka retries");
    }
}

/// The context of a client that needs no further callbacks.
pub(crate) struct PlainContext(pub(crate) SharedContext);

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }
}

impl ConsumerContext for PlainContext {}

//! The callbacks that all clients have in common.
//!
//! The context of each client holds a [`SharedContext`] and passes librdkafka's log lines and errors to it, so that
//! every client logs in the same way and no line contains a secret.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};

use spanbridge_credentials::TokenThread;

use crate::connection::{Connection, FAILED_CONNECTION};
use crate::error::Error;
use crate::redaction::Redaction;

/// The longest time that librdkafka's callback waits for a token. librdkafka asks again after ten seconds.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(3);

/// The answer to librdkafka's request for a token.
pub(crate) type TokenResult = Result<OAuthToken, Box<dyn std::error::Error>>;

/// The part of a client's context that does not depend on the kind of the client. Clones belong to the same client.
#[derive(Clone)]
pub(crate) struct SharedContext {
    redaction: Arc<Redaction>,
    connection: Arc<Connection>,
    /// The source of tokens for the mechanism OAUTHBEARER.
    tokens: Option<Arc<TokenThread>>,
    /// True once librdkafka has received a token.
    has_token: Arc<AtomicBool>,
}

impl SharedContext {
    pub(crate) fn new(
        redaction: Arc<Redaction>,
        connection: Arc<Connection>,
        tokens: Option<Arc<TokenThread>>,
    ) -> Self {
        SharedContext { redaction, connection, tokens, has_token: Arc::default() }
    }

    /// Returns whether the client needs a token and has none yet.
    pub(crate) fn awaits_token(&self) -> bool {
        self.tokens.is_some() && !self.has_token.load(Ordering::Acquire)
    }

    /// Returns a token for the mechanism OAUTHBEARER. librdkafka calls it in `poll`, so that it must not block for long.
    ///
    /// # Errors
    /// There is no token in time. librdkafka logs the text.
    pub(crate) fn oauth_token(&self) -> TokenResult {
        let Some(tokens) = &self.tokens else {
            return Err("the mechanism OAUTHBEARER needs the section [kafka.oauth]".into());
        };
        let token = tokens.token(TOKEN_TIMEOUT)?;
        self.has_token.store(true, Ordering::Release);
        let lifetime = token.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(OAuthToken {
            token: token.value.expose().to_owned(),
            principal_name: token.principal,
            lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// Takes a log line of librdkafka.
    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, &self.redaction.without_secrets(message));
    }

    /// Takes an error of the client, and the text that explains it. Failed connections come as log lines too.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        let reason = self.redaction.without_secrets(reason);
        tracing::debug!(%error, %reason, "Kafka client error; librdkafka retries");
    }

    /// Takes the client's statistics.
    pub(crate) fn statistics(&self, statistics: &Statistics) {
        self.connection.observe(statistics);
    }

    /// Adds the cause to an error that means "no answer".
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.connection.explain(error)
    }
}

/// The context of a client that needs no further callbacks.
pub(crate) struct PlainContext {
    pub(crate) shared: SharedContext,
    /// Whether the lines that are served now waited in the queue for an unknown time.
    pub(crate) is_late: AtomicBool,
    /// The last of those lines that tells of a failed connection. Whether it is still true shows the next request.
    late_failure: Mutex<Option<(RDKafkaLogLevel, String)>>,
}

impl PlainContext {
    pub(crate) fn new(shared: SharedContext) -> Self {
        PlainContext { shared, is_late: AtomicBool::new(false), late_failure: Mutex::new(None) }
    }

    /// Takes the result of a request. If it failed, the failure that waited in the queue before it counts.
    pub(crate) fn finish_request(&self, has_failed: bool) {
        let late = self.late_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((level, message)) = late.filter(|_| has_failed) {
            self.shared.log(level, FAILED_CONNECTION, &message);
        }
    }
}

impl ClientContext for PlainContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> TokenResult {
        self.shared.oauth_token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == FAILED_CONNECTION && self.is_late.load(Ordering::Relaxed) {
            let late = Some((level, message.to_owned()));
            *self.late_failure.lock().unwrap_or_else(PoisonError::into_inner) = late;
        } else {
            self.shared.log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.statistics(&statistics);
    }
}

impl ConsumerContext for PlainContext {}

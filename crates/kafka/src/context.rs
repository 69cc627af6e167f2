//! The callbacks that all clients have in common.
//!
//! The context of each client holds a [`SharedContext`] and passes librdkafka's log lines and errors to it, so that
//! every client logs in the same way and no line contains a secret.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use spanbridge_credentials::TokenThread;

use crate::log;
use crate::redaction::Redaction;

/// The longest time that librdkafka's callback waits for a token. librdkafka asks again after ten seconds.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(3);

/// The answer to librdkafka's request for a token.
pub(crate) type TokenResult = Result<OAuthToken, Box<dyn Error>>;

/// The part of a client's context that does not depend on the kind of the client. Clones belong to the same client.
#[derive(Clone)]
pub(crate) struct SharedContext {
    redaction: Arc<Redaction>,
    /// The source of tokens for the mechanism OAUTHBEARER.
    tokens: Option<Arc<TokenThread>>,
    /// True once librdkafka has received a token.
    has_token: Arc<AtomicBool>,
}

impl SharedContext {
    pub(crate) fn new(redaction: Arc<Redaction>, tokens: Option<Arc<TokenThread>>) -> Self {
        SharedContext { redaction, tokens, has_token: Arc::default() }
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
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> TokenResult {
        self.0.oauth_token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }
}

impl ConsumerContext for PlainContext {}

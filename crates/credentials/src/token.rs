//! OAuth tokens and the trait of their providers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use futures::future::BoxFuture;

use crate::error::Result;
use crate::secret::Secret;

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub value: Secret,
    /// The time at which the token expires.
    pub expires_at: SystemTime,
    /// The name of the identity to which the token belongs. Kafka calls it the principal.
    pub principal: String,
    /// The SASL extensions to send with the token, such as `logicalCluster`.
    pub extensions: BTreeMap<String, String>,
}

/// A source of tokens.
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// Fetches a new token. Secrets are read again at each call.
    ///
    /// Callers limit the time of the call, which ends when the future is dropped.
    fn fetch(&self) -> BoxFuture<'_, Result<Token>>;
}

//! Keeps a token until shortly before it expires.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout};

use crate::error::{Error, ErrorKind, Result};
use crate::token::{Token, TokenProvider};

/// The longest time that one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time before the expiry at which a token is renewed.
const MAX_MARGIN: Duration = Duration::from_secs(300);
/// The pause after a failed renewal, while the old token is still valid.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A cache of one token for many callers.
///
/// - A token is renewed when a quarter of its lifetime is left, at most five minutes before it expires.
/// - Only one fetch runs at a time, and takes at most ten seconds. Callers that wait for it share its result.
/// - If a renewal fails while the old token is valid, callers receive the old token.
#[derive(Debug)]
pub struct TokenCache {
    provider: Arc<dyn TokenProvider>,
    fetch_timeout: Duration,
    /// Held by the caller that fetches a token.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    /// The last failure and its time.
    failure: Option<(Instant, Error)>,
}

#[derive(Debug, Clone)]
struct Current {
    token: Token,
    renew_at: Instant,
    expires_at: Instant,
}

impl TokenCache {
    /// A cache without a token.
    pub fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self {
            provider,
            fetch_timeout: FETCH_TIMEOUT,
            fetching: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// The same cache with another limit for the time of one fetch.
    #[must_use]
    pub fn with_fetch_timeout(mut self, fetch_timeout: Duration) -> Self {
        self.fetch_timeout = fetch_timeout;
        self
    }

    /// Returns a valid token, and fetches one if necessary.
    ///
    /// # Errors
    /// If no valid token is cached and the provider fails or is too slow ([`ErrorKind::Unavailable`]).
    pub async fn token(&self) -> Result<Token> {
        let asked = Instant::now();
        let current = self.state().current.clone().filter(|current| asked < current.expires_at);
        if let Some(current) = &current
            && asked < current.renew_at
        {
            return Ok(current.token.clone());
        }
        let _fetching = match current {
            // Somebody else renews the token, and this caller need not wait.
            Some(current) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(current.token),
            },
            None => self.fetching.lock().await,
        };
        if let Some(outcome) = self.outcome_since(asked) {
            return outcome;
        }
        self.fetch().await
    }

    /// Returns another token than `rejected`, which a server has refused before it expired.
    ///
    /// # Errors
    /// If the provider fails or is too slow.
    pub async fn renew(&self, rejected: &Token) -> Result<Token> {
        let asked = Instant::now();
        let _fetching = self.fetching.lock().await;
        self.state().current.take_if(|current| current.token.value == rejected.value);
        if let Some(outcome) = self.outcome_since(asked) {
            return outcome;
        }
        self.fetch().await
    }

    /// The result of a fetch that ended after `asked`, or a token that is not yet due.
    fn outcome_since(&self, asked: Instant) -> Option<Result<Token>> {
        let state = self.state();
        if let Some(current) = &state.current
            && Instant::now() < current.renew_at
        {
            return Some(Ok(current.token.clone()));
        }
        let (at, error) = state.failure.as_ref()?;
        (*at > asked).then(|| Err(error.clone()))
    }

    /// Fetches a token. The caller holds `fetching`.
    async fn fetch(&self) -> Result<Token> {
        let result = match timeout(self.fetch_timeout, self.provider.fetch()).await {
            Ok(result) => result.and_then(Current::new),
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("the token server did not answer within {} s", self.fetch_timeout.as_secs_f32()),
            )),
        };
        let now = Instant::now();
        let mut state = self.state();
        match result {
            Ok(current) => {
                let token = current.token.clone();
                *state = State { current: Some(current), failure: None };
                Ok(token)
            }
            Err(error) => {
                state.failure = Some((now, error.clone()));
                match &mut state.current {
                    Some(current) if now < current.expires_at => {
                        current.renew_at = now + RETRY_PAUSE;
                        Ok(current.token.clone())
                    }
                    _ => Err(error),
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn new(token: Token) -> Result<Self> {
        // The expiry becomes a monotonic time, so that a jump of the clock does not matter.
        let lifetime = token.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        if lifetime.is_zero() {
            let message = "the token server issued a token that has expired; compare the clocks";
            return Err(Error::new(ErrorKind::Unusable, message));
        }
        let now = Instant::now();
        let margin = (lifetime / 4).min(MAX_MARGIN);
        Ok(Self { token, renew_at: now + (lifetime - margin), expires_at: now + lifetime })
    }
}

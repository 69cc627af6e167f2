//! Tokens for callers that are not asynchronous.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind, Result};
use crate::token::{Token, TokenProvider};
use crate::token_cache::TokenCache;

/// The most requests that wait for the thread.
const MAX_WAITING: usize = 256;

/// A thread that fetches tokens, for callers on any other thread.
///
/// librdkafka asks for a token in a callback that must not block for long and that may run on a thread of an async
/// runtime. The thread therefore has a runtime of its own. It ends when this value is dropped.
#[derive(Debug)]
pub struct TokenThread {
    requests: mpsc::Sender<SyncSender<Result<Token>>>,
}

impl TokenThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`ErrorKind::Unusable`] if the system starts no thread.
    pub fn start(provider: Arc<dyn TokenProvider>) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Unusable, format!("cannot start the thread for tokens: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (requests, mut incoming) = mpsc::channel::<SyncSender<Result<Token>>>(MAX_WAITING);
        let cache = Arc::new(TokenCache::new(provider));
        let serve = move || {
            runtime.block_on(async {
                while let Some(answer) = incoming.recv().await {
                    let cache = Arc::clone(&cache);
                    tokio::spawn(async move {
                        // A caller that no longer waits has dropped its end.
                        let _ = answer.try_send(cache.token().await);
                    });
                }
            });
        };
        std::thread::Builder::new().name("oauth-tokens".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { requests })
    }

    /// Returns a valid token, and waits at most `limit` for it. A later call finds the token if it arrives later.
    ///
    /// # Errors
    /// If there is no valid token and the provider fails or is too slow ([`ErrorKind::Unavailable`]).
    pub fn token(&self, limit: Duration) -> Result<Token> {
        let (answer, result) = sync_channel(1);
        let overloaded = || Error::new(ErrorKind::Unavailable, "the thread for tokens does not answer");
        self.requests.try_send(answer).map_err(|_| overloaded())?;
        match result.recv_timeout(limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(overloaded()),
            Err(RecvTimeoutError::Timeout) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("no token arrived within {} s", limit.as_secs_f32()),
            )),
        }
    }
}

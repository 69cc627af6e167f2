//! The bearer token of the admin port.
//!
//! The server asks for it before it answers anything but the probes. The token is read again when it changes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use spanbridge_credentials::SecretSource;
use subtle::ConstantTimeEq as _;

use super::lock;

/// The time for which a token that was read stays in use.
const CACHE_TIME: Duration = Duration::from_secs(1);
/// The paths that need no token.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// The check of the bearer token. Clones share the token that was read last.
#[derive(Debug, Clone)]
pub(crate) struct TokenCheck {
    source: SecretSource,
    cached: Arc<Mutex<CachedToken>>,
}

/// The token that was read last, as a digest.
#[derive(Debug, Default)]
struct CachedToken {
    digest: Option<[u8; 32]>,
    read: Option<Instant>,
    has_failed: bool,
}

impl TokenCheck {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, cached: Arc::default() }
    }

    /// Returns whether the request has the token. Digests are compared in constant time, so that the time of the answer tells
    /// neither the token nor its length.
    fn accepts(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| digest(token.trim()))
        });
        match (token, self.expected()) {
            (Some(token), Some(expected)) => token.ct_eq(&expected).into(),
            _ => false,
        }
    }

    /// Returns the digest of the token. A token that can no longer be read stays valid.
    fn expected(&self) -> Option<[u8; 32]> {
        let mut cached = lock(&self.cached);
        if cached.read.is_none_or(|read| read.elapsed() >= CACHE_TIME) {
            cached.read = Some(Instant::now());
            match self.source.read() {
                Ok(token) => {
                    (cached.digest, cached.has_failed) = (Some(digest(token.expose().trim())), false)
                }
                Err(error) if !cached.has_failed => {
                    cached.has_failed = true;
                    tracing::warn!(
                        %error,
                        "The token of the admin port cannot be read; the previous one stays valid"
                    );
                }
                Err(_) => {}
            }
        }
        cached.digest
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Answers 401 to a request without the token, unless it is a probe.
pub(crate) async fn require_token(
    State(check): State<Option<TokenCheck>>,
    request: Request,
    next: Next,
) -> Response {
    let is_open = PROBES.contains(&request.uri().path());
    match check {
        Some(check) if !is_open && !check.accepts(request.headers()) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"spanbridge\"")];
            (StatusCode::UNAUTHORIZED, challenge, "this path needs the bearer token of telemetry.token\n")
                .into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use spanbridge_credentials::{Error, ErrorKind};

    use super::*;

    fn with_header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        let check = TokenCheck::new(SecretSource::fixed("token", "planted-token"));
        for accepted in ["Bearer planted-token", "bearer  planted-token"] {
            assert!(check.accepts(&with_header(accepted)), "{accepted}");
        }
        for rejected in
            ["", "Bearer", "Bearer ", "Bearer planted-toke", "Bearer planted-token1", "Basic planted-token"]
        {
            assert!(!check.accepts(&with_header(rejected)), "{rejected}");
        }
        assert!(!check.accepts(&HeaderMap::new()));
        assert!(!format!("{check:?}").contains("planted"));
    }

    #[test]
    fn token_that_was_never_read_accepts_nothing() {
        let check = TokenCheck::new(SecretSource::new("token", || {
            Err(Error::new(ErrorKind::Unreadable, "no such file"))
        }));
        assert!(!check.accepts(&with_header("Bearer x")));
        assert!(!check.accepts(&with_header("Bearer ")));
    }
}

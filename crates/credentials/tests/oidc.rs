//! Tokens of a fake token server: every answer that a server can give, and no secret in any error.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use spanbridge_credentials::{
    Error, ErrorKind, OidcOptions, OidcProvider, Secret, SecretSource, TokenCache, TokenProvider, TokenThread,
};
use spanbridge_testbed::{TokenAnswer, TokenServer};

const SECRET: &str = "planted/secret+1";
/// The header of `client_secret_basic`: base64 of `bridge:planted%2Fsecret%2B1`.
const BASIC: &str = "Basic YnJpZGdlOnBsYW50ZWQlMkZzZWNyZXQlMkIx";

fn options(url: &str) -> OidcOptions {
    OidcOptions {
        token_url: url.to_owned(),
        client_id: SecretSource::fixed("client_id", "bridge"),
        client_secret: SecretSource::fixed("client_secret", SECRET),
        scope: Some("kafka a".to_owned()),
        extensions: [("logicalCluster".to_owned(), "lkc-1".to_owned())].into(),
    }
}

fn provider(url: &str) -> OidcProvider {
    OidcProvider::new(options(url)).unwrap()
}

async fn server() -> TokenServer {
    TokenServer::start("bridge-user").await.unwrap()
}

#[track_caller]
fn assert_hidden(error: &Error) {
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("planted") && !text.contains("YnJpZGdl"), "{text}");
    }
}

#[tokio::test]
async fn token_has_principal_expiry_and_extensions() {
    let server = server().await;
    let token = provider(&server.url()).fetch().await.unwrap();
    assert_eq!(token.principal, "bridge-user");
    assert_eq!(token.extensions["logicalCluster"], "lkc-1");
    let lifetime = token.expires_at.duration_since(SystemTime::now()).unwrap();
    assert!((3590..=3600).contains(&lifetime.as_secs()), "{lifetime:?}");
    assert_eq!(token.value.expose().split('.').count(), 3);
    assert!(!format!("{token:?}").contains(token.value.expose()));
    let requests = server.requests();
    assert_eq!(requests[0].header("authorization"), Some(BASIC));
    assert_eq!(requests[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(requests[0].body, "grant_type=client_credentials&scope=kafka+a");
}

#[tokio::test]
async fn secret_in_the_form_is_tried_when_the_header_is_rejected() {
    let server = server().await;
    server.accept_only(["client_secret=planted%2Fsecret%2B1"]);
    let provider = provider(&server.url());
    provider.fetch().await.unwrap();
    provider.fetch().await.unwrap();
    let forms: Vec<bool> =
        server.requests().iter().map(|request| request.body.contains("client_id=bridge")).collect();
    assert_eq!(forms, [false, true, true]);
}

#[tokio::test]
async fn rejected_client_is_an_error_without_the_secret() {
    let server = server().await;
    server.accept_only(["other"]);
    let error = provider(&server.url()).fetch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("answers 401 (invalid_client)"), "{error}");
    assert_hidden(&error);
}

#[tokio::test]
async fn each_useless_answer_has_its_kind_and_hides_the_secret() {
    let server = server().await;
    let echo = |status| {
        TokenAnswer::Status(status, format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#))
    };
    for (answer, kind) in [
        (echo(400), ErrorKind::Rejected),
        (echo(403), ErrorKind::Rejected),
        (echo(404), ErrorKind::Unusable),
        (echo(302), ErrorKind::Unusable),
        (echo(429), ErrorKind::Unavailable),
        (echo(500), ErrorKind::Unavailable),
        (TokenAnswer::Body(format!("<html>{SECRET}</html>")), ErrorKind::Unusable),
        (TokenAnswer::Body("{}".to_owned()), ErrorKind::Unusable),
        (TokenAnswer::Body("x".repeat(1 << 20)), ErrorKind::Unusable),
    ] {
        server.answer(answer.clone());
        let error = provider(&server.url()).fetch().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_hidden(&error);
    }
}

#[tokio::test]
async fn unreachable_server_is_unavailable() {
    let url = server().await.url();
    let error = provider(&url).fetch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_hidden(&error);
}

#[tokio::test]
async fn invalid_urls_are_refused_without_their_password() {
    for url in ["", "ftp://a", "https://me:planted@host/token"] {
        let error = OidcProvider::new(options(url)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
        assert_hidden(&error);
    }
}

#[tokio::test]
async fn silent_server_costs_the_time_limit_only_once() {
    let server = server().await;
    server.answer(TokenAnswer::Silence);
    let provider: Arc<dyn TokenProvider> = Arc::new(provider(&server.url()));
    let cache = Arc::new(TokenCache::new(provider).with_fetch_timeout(Duration::from_millis(300)));
    let start = Instant::now();
    let callers: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let cache = Arc::clone(&cache);
                async move { cache.token().await.unwrap_err().kind() }
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), ErrorKind::Unavailable);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch_and_the_token() {
    let server = server().await;
    let cache = Arc::new(TokenCache::new(Arc::new(provider(&server.url()))));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let cache = Arc::clone(&cache);
                async move { cache.token().await.unwrap() }
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap());
    }
    assert_eq!(server.issued(), 1);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test]
async fn refused_token_is_replaced_once() {
    let server = server().await;
    let cache = TokenCache::new(Arc::new(provider(&server.url())));
    let first = cache.token().await.unwrap();
    let second = cache.renew(&first).await.unwrap();
    assert_ne!(first, second);
    // The second caller whose first token was refused receives the token that the first caller fetched.
    assert_eq!(cache.renew(&first).await.unwrap(), second);
    assert_eq!(server.issued(), 2);
}

#[tokio::test]
async fn valid_token_outlives_a_failing_server() {
    let server = server().await;
    server.answer(TokenAnswer::Token(Duration::from_secs(4)));
    let cache = TokenCache::new(Arc::new(provider(&server.url())));
    let first = cache.token().await.unwrap();
    server.answer(TokenAnswer::Status(500, String::new()));
    let start = Instant::now();
    let failure = loop {
        match cache.token().await {
            Ok(token) => assert_eq!(token, first),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(failure.kind(), ErrorKind::Unavailable);
    assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
    server.answer(TokenAnswer::Token(Duration::from_secs(60)));
    assert_ne!(cache.token().await.unwrap(), first);
}

#[tokio::test]
async fn expired_token_is_never_returned() {
    let server = server().await;
    server.answer(TokenAnswer::Token(Duration::ZERO));
    let cache = TokenCache::new(Arc::new(provider(&server.url())));
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
}

#[tokio::test]
async fn secret_is_read_at_each_fetch() {
    let server = server().await;
    let (secret, reads) = (Arc::new(Mutex::new("old".to_owned())), Arc::new(AtomicUsize::new(0)));
    let mut options = options(&server.url());
    options.client_secret = SecretSource::new("client_secret", {
        let (secret, reads) = (Arc::clone(&secret), Arc::clone(&reads));
        move || {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok(Secret::new(secret.lock().unwrap().clone()))
        }
    });
    let provider = OidcProvider::new(options).unwrap();
    provider.fetch().await.unwrap();
    *secret.lock().unwrap() = "new".to_owned();
    provider.fetch().await.unwrap();
    assert_eq!(reads.load(Ordering::Relaxed), 2);
    let headers: Vec<_> =
        server.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert_ne!(headers[0], headers[1]);
}

#[tokio::test]
async fn thread_serves_callers_of_any_runtime() {
    let server = server().await;
    let thread = TokenThread::start(Arc::new(provider(&server.url()))).unwrap();
    // Inside the only thread of a runtime, where blocking on a future would panic or hang.
    let blocking = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let inside = runtime.block_on(async { thread.token(Duration::from_secs(10)).unwrap() });
        (inside, thread.token(Duration::from_secs(10)).unwrap(), thread)
    });
    let (first, second, thread) = blocking.await.unwrap();
    assert_eq!(first, second);
    assert_eq!(server.issued(), 1);
    drop(thread);
}

#[tokio::test]
async fn thread_bounds_the_wait_for_a_silent_server() {
    let server = server().await;
    server.answer(TokenAnswer::Silence);
    let thread = TokenThread::start(Arc::new(provider(&server.url()))).unwrap();
    let start = Instant::now();
    let waiting =
        tokio::task::spawn_blocking(move || thread.token(Duration::from_millis(200)).unwrap_err().kind());
    assert_eq!(waiting.await.unwrap(), ErrorKind::Unavailable);
    assert!(start.elapsed() < Duration::from_secs(5));
}

//! Keys of a file and of Cloud KMS, faked on the loopback interface, and their rotation.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use google_cloud_auth::credentials::{AccessTokenCredentials, user_account};
use serde_json::{Value, json};
use spanbridge_credentials::{Secret, SecretSource};
use spanbridge_envelope::{Envelopes, ErrorKind, KeySource, Kms, Sealed, key_id};
use tokio::net::TcpListener;

const NAME: &str = "projects/p/locations/l/keyRings/r/cryptoKeys/k";

fn line(id: &str, byte: u8) -> String {
    format!("{id}:{}\n", STANDARD.encode([byte; 32]))
}

/// Returns envelopes whose key file is the shared text.
fn of_file(content: &str) -> (Envelopes, Arc<Mutex<String>>) {
    let file = Arc::new(Mutex::new(content.to_owned()));
    let read = Arc::clone(&file);
    let source = SecretSource::new("encryption_key", move || Ok(Secret::new(read.lock().unwrap().clone())));
    (Envelopes::new(KeySource::File(source)), file)
}

#[tokio::test]
async fn rotated_file_seals_with_the_new_key_and_opens_with_both() {
    let (envelopes, file) = of_file(&line("old", 1));
    assert_eq!(envelopes.seal(b"a", b"x").unwrap_err().kind(), ErrorKind::Key, "not prepared");
    envelopes.prepare().await.unwrap();
    let old = envelopes.seal(b"a", b"planted").unwrap();
    assert_eq!(key_id(&old.envelope).as_deref(), Some("file:old"));
    assert!(!old.payload.windows(7).any(|window| window == b"planted"));

    *file.lock().unwrap() = "garbage".to_owned();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let still = envelopes.seal(b"a", b"x").unwrap();
    assert_eq!(key_id(&still.envelope).as_deref(), Some("file:old"));
    *file.lock().unwrap() = line("new", 2) + &line("old", 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let new = envelopes.seal(b"a", b"x").unwrap();
    assert_eq!(key_id(&new.envelope).as_deref(), Some("file:new"));
    // Another process opens both.
    let (reader, file) = of_file(&(line("new", 2) + &line("old", 1)));
    assert_eq!(reader.open(b"a", &old).await.unwrap(), b"planted");
    assert_eq!(reader.open(b"a", &new).await.unwrap(), b"x");
    assert_eq!(reader.open(b"b", &old).await.unwrap_err().kind(), ErrorKind::Damaged);
    // A process without the old key says which it needs.
    *file.lock().unwrap() = line("new", 2);
    let (reader, _) = of_file(&line("new", 2));
    let error = reader.open(b"a", &old).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::UnknownKey, "the payload needs the key file:old")
    );
    let (reader, _) = of_file(&line("old", 3));
    let error = reader.open(b"a", &old).await.unwrap_err();
    assert!(error.kind() == ErrorKind::UnknownKey && error.to_string().contains("file:old"), "{error}");
    let (reader, _) = of_file(&line("old", 1));
    for envelope in ["", "{}", r#"{"form":1,"key":"file:old","wrapped":"?"}"#] {
        let sealed = Sealed { envelope: envelope.to_owned(), payload: Vec::new() };
        assert_eq!(reader.open(b"a", &sealed).await.unwrap_err().kind(), ErrorKind::Damaged, "{envelope}");
    }
}

/// A fake of Cloud KMS: it keeps what it wrapped in a table.
#[derive(Default)]
struct FakeKms {
    wrapped: BTreeMap<String, Value>,
    version: u32,
    status: Option<StatusCode>,
}

async fn kms(State(kms): State<Arc<Mutex<FakeKms>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut kms = kms.lock().unwrap();
    let body = std::str::from_utf8(&body).unwrap();
    if uri.path() == "/token" {
        return json!({"access_token": "planted-token", "token_type": "Bearer", "expires_in": 3600})
            .to_string()
            .into_response();
    }
    assert_eq!(headers[header::AUTHORIZATION], "Bearer planted-token");
    if let Some(status) = kms.status {
        return (status, format!("refused: {body}")).into_response();
    }
    let request: Value = serde_json::from_str(body).unwrap();
    match uri.path().strip_prefix(&format!("/v1/{NAME}:")) {
        Some("encrypt") => {
            let ciphertext = STANDARD.encode(format!("wrapped {}", kms.wrapped.len()));
            let version = kms.version;
            kms.wrapped.insert(ciphertext.clone(), request);
            json!({"name": format!("{NAME}/cryptoKeyVersions/{version}"), "ciphertext": ciphertext})
                .to_string()
                .into_response()
        }
        Some("decrypt") => match kms.wrapped.get(request["ciphertext"].as_str().unwrap()) {
            Some(stored)
                if stored["additionalAuthenticatedData"] == request["additionalAuthenticatedData"] =>
            {
                json!({"plaintext": stored["plaintext"]}).to_string().into_response()
            }
            _ => StatusCode::BAD_REQUEST.into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn start() -> (String, Arc<Mutex<FakeKms>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new(Mutex::new(FakeKms { version: 1, ..FakeKms::default() }));
    let router = Router::new().fallback(kms).with_state(Arc::clone(&state));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, state)
}

fn credentials(url: &str) -> AccessTokenCredentials {
    let user =
        json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"});
    user_account::Builder::new(user)
        .with_token_uri(format!("{url}/token"))
        .build_access_token_credentials()
        .unwrap()
}

fn of_kms(url: &str, key: &str) -> Envelopes {
    let kms = Kms::new(key, Some(url.to_owned())).with_credentials(credentials(url));
    Envelopes::new(KeySource::Kms(Arc::new(kms)))
}

#[tokio::test]
async fn kms_wraps_data_keys() {
    let (url, state) = start().await;
    let envelopes = of_kms(&url, NAME);
    envelopes.prepare().await.unwrap();
    let first = envelopes.seal(b"a", b"planted").unwrap();
    assert_eq!(key_id(&first.envelope), Some(format!("kms:{NAME}/cryptoKeyVersions/1")));
    state.lock().unwrap().version = 2;
    let reader = of_kms(&url, NAME);
    reader.prepare().await.unwrap();
    let second = reader.seal(b"a", b"x").unwrap();
    assert_eq!(key_id(&second.envelope), Some(format!("kms:{NAME}/cryptoKeyVersions/2")));
    assert_eq!(reader.open(b"a", &first).await.unwrap(), b"planted");
    assert_eq!(reader.open(b"b", &first).await.unwrap_err().kind(), ErrorKind::Damaged);

    let other = of_kms(&url, "projects/p/locations/l/keyRings/r/cryptoKeys/other");
    let error = other.open(b"a", &first).await.unwrap_err();
    assert!(error.kind() == ErrorKind::UnknownKey && error.to_string().contains(NAME), "{error}");
    let (by_file, _) = of_file(&line("old", 1));
    assert_eq!(by_file.open(b"a", &first).await.unwrap_err().kind(), ErrorKind::UnknownKey);
}

#[tokio::test]
async fn kms_that_refuses_is_told_from_one_that_is_away() {
    let (url, state) = start().await;
    let envelopes = of_kms(&url, NAME);
    envelopes.prepare().await.unwrap();
    let sealed = envelopes.seal(b"a", b"x").unwrap();
    for (status, kind) in [
        (StatusCode::FORBIDDEN, ErrorKind::Key),
        (StatusCode::NOT_FOUND, ErrorKind::Key),
        (StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Unavailable),
        (StatusCode::TOO_MANY_REQUESTS, ErrorKind::Unavailable),
        (StatusCode::BAD_REQUEST, ErrorKind::Damaged),
    ] {
        state.lock().unwrap().status = Some(status);
        let error = of_kms(&url, NAME).open(b"a", &sealed).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }
    let closed = Kms::new(NAME, Some("http://127.0.0.1:1".to_owned())).with_credentials(credentials(&url));
    let closed = Envelopes::new(KeySource::Kms(Arc::new(closed)));
    let error = closed.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.to_string().contains("planted") && !format!("{closed:?}").contains("planted"), "{error}");
}

use std::path::Path;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use spanbridge_testbed::{TokenAnswer, TokenServer};

use super::*;

const EMAIL: &str = "bridge@demo.iam.gserviceaccount.com";
/// A key that was made for these tests and opens nothing.
const KEY: &str = include_str!("../../tests/data/test_service_account_key.pem");
/// The assertion as OpenSSL signs it.
const ASSERTION: &str = include_str!("../../tests/data/test_assertion.txt");

fn service_account(token_uri: &str) -> Value {
    json!({
        "type": "service_account",
        "client_email": EMAIL,
        "project_id": "demo",
        "private_key_id": "key-1",
        "private_key": KEY,
        "token_uri": token_uri,
    })
}

fn write(folder: &Path, content: &Value) -> PathBuf {
    let file = folder.join("adc.json");
    std::fs::write(&file, content.to_string()).unwrap();
    file
}

fn provider(form: GoogleTokenForm, credentials_file: Option<PathBuf>, metadata_url: &str) -> GoogleProvider {
    GoogleProvider::new(GoogleOptions { form, credentials_file, metadata_url: metadata_url.to_owned() })
        .unwrap()
}

fn answer(token: &str) -> TokenAnswer {
    TokenAnswer::Body(format!(r#"{{"access_token":"{token}","expires_in":3599,"token_type":"Bearer"}}"#))
}

fn part(token: &Token, index: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.value.expose().split('.').nth(index).unwrap()).unwrap()
}

#[tokio::test]
async fn assertion_has_the_signature_of_openssl() {
    let url = "https://oauth2.googleapis.com/token";
    let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let assertion = service_account::sign_assertion(service_account(url), EMAIL, url, now).await.unwrap();
    assert_eq!(assertion.expose(), ASSERTION.trim());
}

#[tokio::test]
async fn service_account_key_becomes_a_token_for_managed_kafka() {
    let (server, folder) = (TokenServer::start("").await.unwrap(), tempfile::tempdir().unwrap());
    server.answer(answer("ya29.planted"));
    let file = write(folder.path(), &service_account(&server.url()));
    let token = provider(GoogleTokenForm::ManagedKafka, Some(file), "").fetch().await.unwrap();
    assert_eq!(token.principal, EMAIL);
    let header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "GOOG_OAUTH2_TOKEN"}));
    let claims: Value = serde_json::from_slice(&part(&token, 1)).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["scope"], &claims["iss"]),
        (&json!(EMAIL), &json!("kafka"), &json!("Google"))
    );
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert!((3590..=3600).contains(&lifetime), "{lifetime}");
    assert_eq!(part(&token, 2), b"ya29.planted");
    let form = &server.requests()[0].body;
    assert!(
        form.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"),
        "{form}"
    );
}

#[tokio::test]
async fn replaced_file_takes_effect_at_the_next_fetch() {
    let (server, folder) = (TokenServer::start("").await.unwrap(), tempfile::tempdir().unwrap());
    server.answer(answer("ya29.x"));
    let mut account = service_account(&server.url());
    let file = write(folder.path(), &account);
    let provider = provider(GoogleTokenForm::ManagedKafka, Some(file), "");
    assert_eq!(provider.fetch().await.unwrap().principal, EMAIL);
    account["client_email"] = json!("other@demo.iam.gserviceaccount.com");
    write(folder.path(), &account);
    assert_eq!(provider.fetch().await.unwrap().principal, "other@demo.iam.gserviceaccount.com");
}

#[tokio::test]
async fn metadata_server_has_the_token_of_the_machine() {
    let server = TokenServer::start("").await.unwrap();
    // The same answer serves both requests: the address is read as text, the token as JSON.
    server.answer(answer("ya29.machine"));
    let root = server.url().trim_end_matches("/token").to_owned();
    let token = provider(GoogleTokenForm::Plain, None, &root).fetch().await.unwrap();
    assert_eq!(token.value.expose(), "ya29.machine");
    let lines: Vec<_> = server.requests().iter().map(|request| request.line.clone()).collect();
    assert_eq!(
        lines,
        ["email", "token"]
            .map(|what| format!("GET /computeMetadata/v1/instance/service-accounts/default/{what} HTTP/1.1"))
    );
    assert_eq!(server.requests()[0].header("metadata-flavor"), Some("Google"));
}

#[tokio::test]
async fn user_credentials_serve_a_registry_but_not_managed_kafka() {
    let (server, folder) = (TokenServer::start("").await.unwrap(), tempfile::tempdir().unwrap());
    server.answer(answer("ya29.user"));
    let user = json!({
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "planted-secret",
        "refresh_token": "planted-refresh",
        "token_uri": server.url(),
    });
    let file = write(folder.path(), &user);
    let token = provider(GoogleTokenForm::Plain, Some(file.clone()), "").fetch().await.unwrap();
    assert_eq!(token.value.expose(), "ya29.user");
    let error = provider(GoogleTokenForm::ManagedKafka, Some(file), "").fetch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains("name no account"), "{error}");
}

#[tokio::test]
async fn errors_hide_the_content_of_the_file() {
    let (server, folder) = (TokenServer::start("").await.unwrap(), tempfile::tempdir().unwrap());
    server.answer(TokenAnswer::Status(401, "planted".to_owned()));
    let file = write(folder.path(), &service_account(&server.url()));
    let rejected = provider(GoogleTokenForm::Plain, Some(file), "").fetch().await.unwrap_err();
    assert_eq!(rejected.kind(), ErrorKind::Rejected, "{rejected}");

    let mut broken = service_account(&server.url());
    broken["private_key"] = json!("planted");
    let file = write(folder.path(), &broken);
    let unusable = provider(GoogleTokenForm::Plain, Some(file.clone()), "").fetch().await.unwrap_err();
    assert_eq!(unusable.kind(), ErrorKind::Unusable, "{unusable}");

    std::fs::write(&file, "planted").unwrap();
    let no_json = provider(GoogleTokenForm::Plain, Some(file), "").fetch().await.unwrap_err();
    let missing =
        provider(GoogleTokenForm::Plain, Some(folder.path().join("absent")), "").fetch().await.unwrap_err();
    assert_eq!((no_json.kind(), missing.kind()), (ErrorKind::Unusable, ErrorKind::Unreadable));
    for error in [rejected, unusable, no_json, missing] {
        assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
    }
}

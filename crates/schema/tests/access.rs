//! The client's way to a real registry (Apicurio) behind a gate: TLS, credentials that rotate, several URLs, outages.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use spanbridge_credentials::{OidcOptions, OidcProvider, Secret, SecretSource, TokenCache};
use spanbridge_schema::{Authentication, AvroSchema, ErrorKind, Registry, RegistryOptions};
use spanbridge_testbed::{self as testbed, GateTls, RegistryGate, TokenServer};

const V1: &str = r#"{"type":"record","name":"T","fields":[{"name":"a","type":"long"}]}"#;
/// Base64 of `bridge:old`.
const OLD: &str = "Basic YnJpZGdlOm9sZA==";
/// Base64 of `bridge:new`.
const NEW: &str = "Basic YnJpZGdlOm5ldw==";

/// All cases in one test, because starting a registry takes seconds.
#[tokio::test]
async fn client_reaches_a_guarded_registry() {
    let options = testbed::RegistryOptions { source: testbed::Source::New };
    let server = testbed::Registry::start(options).await.unwrap();
    let url = server.url();
    let schema = AvroSchema::parse(V1).unwrap();
    let id = connect(RegistryOptions::new(url)).register("guarded-value", &schema).await.unwrap();

    tls_needs_the_right_authority_and_client_certificate(url, id).await;
    password_is_read_again_after_a_401(url, id).await;
    rejected_password_is_retriable_only_after_a_success(url, id).await;
    bearer_token_and_headers_are_sent(url, id).await;
    refused_oauth_token_is_renewed(url, id).await;
    next_url_has_its_turn(url, id).await;
    schemas_on_disk_serve_a_start_without_the_registry(url, id).await;
}

fn connect(mut options: RegistryOptions) -> Registry {
    options.timeout = Duration::from_secs(5);
    Registry::connect(options).unwrap()
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate of this authority and its key, in PEM.
fn identity(authority: &CertifiedIssuer<'static, KeyPair>, hosts: &[&str]) -> (String, String) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let (params, key) = (CertificateParams::new(hosts).unwrap(), KeyPair::generate().unwrap());
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

/// A source that reads a file, as `{ file = "…" }` does.
fn file(path: &Path) -> SecretSource {
    let path = path.to_owned();
    SecretSource::new("password", move || Ok(Secret::new(std::fs::read_to_string(&path).unwrap())))
}

fn basic(password: SecretSource) -> Authentication {
    Authentication::Basic { username: SecretSource::fixed("username", "bridge"), password }
}

async fn tls_needs_the_right_authority_and_client_certificate(url: &str, id: u32) {
    let (authority, foreign_authority) = (authority("ours"), authority("foreign"));
    let (server, server_key) = identity(&authority, &["127.0.0.1"]);
    let (client, client_key) = identity(&authority, &[]);
    let (foreign_client, foreign_key) = identity(&foreign_authority, &[]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority_pem = authority.pem();
    let tls = GateTls { certificate: &server, key: &server_key, client_authority: Some(&authority_pem) };
    let gate = RegistryGate::start(url, Some(tls)).await.unwrap();
    let mut options = RegistryOptions::new(gate.url());
    // Neither the system nor another authority has signed the server's certificate.
    let unknown = connect(options.clone()).avro_schema(id).await.unwrap_err();
    options.ca_file = Some(write("foreign.pem", &foreign_authority.pem()));
    let foreign = connect(options.clone()).avro_schema(id).await.unwrap_err();
    options.ca_file = Some(write("ca.pem", &authority.pem()));
    let anonymous = connect(options.clone()).avro_schema(id).await.unwrap_err();
    for error in [unknown, foreign, anonymous] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    // The client's certificate is replaced while the client exists.
    let paths = [write("client.pem", &foreign_client), write("client.key", &foreign_key)];
    let [certificate, key] = paths;
    options.client_certificate = Some((certificate, key));
    let registry = connect(options.clone());
    assert_eq!(registry.avro_schema(id).await.unwrap_err().kind(), ErrorKind::Unavailable);
    write("client.pem", &client);
    write("client.key", &client_key);
    registry.avro_schema(id).await.unwrap();
    // Files in the middle of a rotation do not matter for a client that works.
    write("client.key", "half");
    registry.latest("guarded-value").await.unwrap().unwrap();
    let unusable = connect(options).avro_schema(id).await.unwrap_err();
    assert_eq!(unusable.kind(), ErrorKind::Configuration, "{unusable}");
    assert!(!unusable.to_string().contains("half"));
}

async fn password_is_read_again_after_a_401(url: &str, id: u32) {
    let (gate, folder) = (RegistryGate::start(url, None).await.unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("password");
    std::fs::write(&path, "old").unwrap();
    gate.accept_only([OLD]);
    let registry =
        connect(RegistryOptions { authentication: basic(file(&path)), ..RegistryOptions::new(gate.url()) });
    registry.avro_schema(id).await.unwrap();
    // The file changes first: the next request has the new password.
    gate.accept_only([OLD, NEW]);
    std::fs::write(&path, "new").unwrap();
    registry.latest("guarded-value").await.unwrap().unwrap();
    gate.accept_only([NEW]);
    registry.latest("guarded-value").await.unwrap().unwrap();

    // The registry changes first, and the file changes between the request and its repetition.
    let reads = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let password = SecretSource::new("password", move || {
        let first = reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        Ok(Secret::new(if first { "old" } else { "new" }))
    });
    let registry =
        connect(RegistryOptions { authentication: basic(password), ..RegistryOptions::new(gate.url()) });
    registry.avro_schema(id).await.unwrap();
}

async fn rejected_password_is_retriable_only_after_a_success(url: &str, id: u32) {
    let gate = RegistryGate::start(url, None).await.unwrap();
    let options = RegistryOptions {
        authentication: basic(SecretSource::fixed("password", "old")),
        ..RegistryOptions::new(gate.url())
    };
    gate.accept_only([NEW]);
    let error = connect(options.clone()).avro_schema(id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    gate.accept_only([OLD]);
    let registry = connect(options);
    registry.avro_schema(id).await.unwrap();
    gate.accept_only([NEW]);
    let error = registry.latest("guarded-value").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("rotation"), "{error}");
    gate.accept_only([OLD]);
    registry.latest("guarded-value").await.unwrap().unwrap();
}

async fn bearer_token_and_headers_are_sent(url: &str, id: u32) {
    let gate = RegistryGate::start(url, None).await.unwrap();
    gate.accept_only(["Bearer t0ken"]);
    let mut options = RegistryOptions::new(gate.url());
    options.authentication = Authentication::Bearer(SecretSource::fixed("bearer_token", "t0ken"));
    options.headers = vec![("Target-Sr-Cluster".to_owned(), SecretSource::fixed("header", "lsrc-1"))];
    connect(options).avro_schema(id).await.unwrap();
    let request = gate.requests().pop().unwrap().to_ascii_lowercase();
    assert!(request.contains("target-sr-cluster: lsrc-1"), "{request}");
}

async fn refused_oauth_token_is_renewed(url: &str, id: u32) {
    let (gate, tokens) =
        (RegistryGate::start(url, None).await.unwrap(), TokenServer::start("bridge").await.unwrap());
    let provider = OidcProvider::new(OidcOptions {
        token_url: tokens.url(),
        client_id: SecretSource::fixed("client_id", "bridge"),
        client_secret: SecretSource::fixed("client_secret", "s"),
        scope: None,
        extensions: Default::default(),
    });
    let cache = Arc::new(TokenCache::new(Arc::new(provider.unwrap())));
    let first = cache.token().await.unwrap();
    gate.accept_only([format!("Bearer {}", first.value.expose())]);
    let authentication = Authentication::OAuth(Arc::clone(&cache));
    let registry = connect(RegistryOptions { authentication, ..RegistryOptions::new(gate.url()) });
    registry.avro_schema(id).await.unwrap();
    // The registry accepts only a token that the server has not issued yet.
    gate.accept_only(["none"]);
    let error = registry.latest("guarded-value").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(tokens.issued(), 2);
    let second = cache.token().await.unwrap();
    assert_ne!(first, second);
    gate.accept_only([format!("Bearer {}", second.value.expose())]);
    registry.latest("guarded-value").await.unwrap().unwrap();
}

async fn next_url_has_its_turn(url: &str, id: u32) {
    let (first, second) =
        (RegistryGate::start(url, None).await.unwrap(), RegistryGate::start(url, None).await.unwrap());
    let mut options = RegistryOptions::new(first.url());
    options.urls.push(second.url().to_owned());
    let registry = connect(options);
    registry.avro_schema(id).await.unwrap();
    first.close();
    registry.latest("guarded-value").await.unwrap().unwrap();
    // The client stays with the URL that answered.
    first.open();
    registry.latest("guarded-value").await.unwrap().unwrap();
    assert_eq!((first.requests().len(), second.requests().len()), (1, 2));
    second.close();
    registry.latest("guarded-value").await.unwrap().unwrap();
    first.close();
    let error = registry.latest("guarded-value").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

async fn schemas_on_disk_serve_a_start_without_the_registry(url: &str, id: u32) {
    let (gate, folder) = (RegistryGate::start(url, None).await.unwrap(), tempfile::tempdir().unwrap());
    let options =
        RegistryOptions { cache_dir: Some(folder.path().to_owned()), ..RegistryOptions::new(gate.url()) };
    connect(options.clone()).avro_schema(id).await.unwrap();
    gate.close();
    let start = Instant::now();
    let registry = connect(options.clone());
    assert_eq!(registry.avro_schema(id).await.unwrap().text(), V1);
    let unknown = registry.avro_schema(id + 1000).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unavailable, "{unknown}");
    assert!(start.elapsed() < Duration::from_secs(10));
    // Without the folder there is nothing to decode with.
    let without = connect(RegistryOptions { cache_dir: None, ..options });
    assert_eq!(without.avro_schema(id).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

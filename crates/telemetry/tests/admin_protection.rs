//! Tests of the admin port with a token and TLS, and of the rotation of both.
//!
//! This file has one test, because a process starts telemetry only once.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use spanbridge_credentials::{Error, ErrorKind as SecretErrorKind, Secret, SecretSource};
use spanbridge_telemetry::admin::AdminTls;
use spanbridge_telemetry::{ErrorKind, Telemetry, TelemetryOptions};

const LIMIT: Duration = Duration::from_secs(30);

/// Writes a new certificate and its key, and returns the certificate.
fn certify(tls: &AdminTls) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&tls.certificate, cert.pem()).unwrap();
    std::fs::write(&tls.key, signing_key.serialize_pem()).unwrap();
    cert.pem()
}

/// Returns a new client that trusts only this certificate. It has no session that it could resume without a certificate.
fn trusting(certificate: &str) -> Client {
    let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
    // Each request opens a connection, so that it sees a changed certificate.
    Client::builder().tls_certs_only([certificate]).pool_max_idle_per_host(0).build().unwrap()
}

async fn status(client: &Client, url: &str, token: Option<&str>) -> reqwest::Result<u16> {
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Ok(request.send().await?.status().as_u16())
}

/// Waits until a request with the token has this status.
async fn until_status(client: &Client, url: &str, token: &str, expected: u16) {
    let reached = async {
        while status(client, url, Some(token)).await.ok() != Some(expected) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, reached).await.unwrap();
}

fn options(token: &Path, tls: &AdminTls) -> TelemetryOptions {
    let token = token.to_owned();
    TelemetryOptions {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        log: "off".to_owned(),
        token: Some(SecretSource::new("telemetry.token", move || {
            let token = std::fs::read_to_string(&token);
            token
                .map(Secret::from)
                .map_err(|error| Error::new(SecretErrorKind::Unreadable, error.to_string()))
        })),
        tls: Some(tls.clone()),
        ..TelemetryOptions::new("spanbridge-ingest", "1.2.3")
    }
}

#[tokio::test]
async fn everything_but_probes_needs_the_token_and_all_is_tls() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let tls = AdminTls { certificate: folder.path().join("a.pem"), key: folder.path().join("a.key") };
    let options = options(&token, &tls);
    assert_eq!(Telemetry::start(&options).unwrap_err().kind(), ErrorKind::Certificate);
    certify(&tls);
    std::fs::write(&tls.key, "planted").unwrap();
    let error = Telemetry::start(&options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate);
    assert!(error.to_string().contains("a.key") && !format!("{error:?}").contains("planted"), "{error}");

    let certificate = certify(&tls);
    let client = trusting(&certificate);
    std::fs::write(&token, "first-token\n").unwrap();
    let telemetry = Telemetry::start(&options).unwrap();
    let address = telemetry.admin_address().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    telemetry.readiness().register("flights").set_ready();

    for probe in ["/livez", "/readyz"] {
        assert_eq!(status(&client, &url(probe), None).await.unwrap(), 200, "{probe}");
    }
    for path in ["/metrics", "/status", "/nothing", "/livez/"] {
        for token in [None, Some("second-token"), Some("")] {
            assert_eq!(status(&client, &url(path), token).await.unwrap(), 401, "{path}");
        }
    }
    assert_eq!(status(&client, &url("/nothing"), Some("first-token")).await.unwrap(), 404);
    for path in ["/metrics", "/status"] {
        assert_eq!(status(&client, &url(path), Some("first-token")).await.unwrap(), 200, "{path}");
    }
    let plain = Client::new().get(format!("http://{address}/livez")).send().await;
    assert!(plain.is_err(), "the whole port speaks TLS");
    // An open connection without a handshake holds nobody up.
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();

    std::fs::write(&token, "second-token").unwrap();
    until_status(&client, &url("/status"), "second-token", 200).await;
    assert_eq!(status(&client, &url("/status"), Some("first-token")).await.unwrap(), 401);
    std::fs::remove_file(&token).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(status(&client, &url("/status"), Some("second-token")).await.unwrap(), 200);

    let renewed = trusting(&certify(&tls));
    until_status(&renewed, &url("/status"), "second-token", 200).await;
    let late = status(&trusting(&certificate), &url("/livez"), None).await;
    assert!(late.is_err(), "the old certificate is gone");
    std::fs::write(&tls.key, "half written").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(status(&renewed, &url("/livez"), None).await.unwrap(), 200);

    telemetry.shutdown(LIMIT).await.unwrap();
    assert!(status(&renewed, &url("/livez"), None).await.is_err(), "still listening");
}

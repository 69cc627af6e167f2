//! Tests of the admin port over HTTP, and of starts that must fail.
//!
//! This file has one test, because a process starts telemetry only once.

#![allow(clippy::unwrap_used)]

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::json;
use spanbridge_telemetry::metrics::{INGEST_RECORDS_TOTAL, counter};
use spanbridge_telemetry::{ErrorKind, Telemetry, TelemetryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn admin_port_answers_as_documented() {
    invalid_options_are_rejected();

    let mut options = TelemetryOptions::new("spanbridge-ingest", "1.2.3");
    options.listen = Some("127.0.0.1:0".parse().unwrap());
    options.log = "off".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();
    let address = telemetry.admin_address().unwrap();
    let get = |path: &'static str| async move { self::get(address, path).await.unwrap() };

    assert_eq!(get("/livez").await, (200, "ok\n".to_owned()));
    let stuck = telemetry.liveness().register("flights.poll", Duration::ZERO);
    let (status, text) = get("/livez").await;
    assert_eq!(status, 503);
    assert!(text.starts_with("flights.poll: silent for"), "{text}");
    stuck.done();
    assert_eq!(get("/livez").await.0, 200);

    assert_eq!(get("/readyz").await.0, 503);
    let ready = telemetry.readiness().register("flights");
    let (status, text) = get("/readyz").await;
    assert!(
        status == 503 && text.starts_with("flights: not ready since ") && text.ends_with(": starting\n"),
        "{text}"
    );
    ready.set_ready();
    let (status, text) = get("/readyz").await;
    assert!(status == 200 && text.starts_with("flights: ready since "), "{text}");

    counter!(INGEST_RECORDS_TOTAL, "pipeline" => "flights", "topic" => "f").increment(3);
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("spanbridge_ingest_records_total{pipeline=\"flights\",topic=\"f\"} 3\n"), "{text}");
    assert!(
        text.contains("spanbridge_build_info{service=\"spanbridge-ingest\",version=\"1.2.3\"} 1\n"),
        "{text}"
    );

    ready.set_detail("partitions", json!([{ "topic": "f", "partition": 0 }]));
    let (status, text) = get("/status").await;
    assert_eq!(status, 200);
    let mut body: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(body["pipelines"]["flights"]["since"].take().is_string());
    assert_eq!(
        body["pipelines"],
        json!({ "flights": { "ready": true, "since": null, "partitions": [{ "topic": "f", "partition": 0 }] } })
    );
    assert_eq!(body["service"], "spanbridge-ingest");
    assert_eq!(get("/nothing").await.0, 404);

    let began = Instant::now();
    telemetry.shutdown(LIMIT).await.unwrap();
    assert!(began.elapsed() < LIMIT / 2);
    assert!(self::get(address, "/livez").await.is_err(), "still listening");
}

fn invalid_options_are_rejected() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = TelemetryOptions::new("spanbridge-ingest", "1.2.3");
    options.listen = Some(taken.local_addr().unwrap());
    let error = Telemetry::start(&options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Listen);
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");

    options.listen = None;
    options.log = "a=b=c".to_owned();
    assert_eq!(Telemetry::start(&options).unwrap_err().kind(), ErrorKind::LogFilter);

    options.log = "info".to_owned();
    for endpoint in ["", "not an address", "127.0.0.1:4317", "https://collector:4317", "ftp://x"] {
        options.otlp_endpoint = Some(endpoint.to_owned());
        assert_eq!(Telemetry::start(&options).unwrap_err().kind(), ErrorKind::Endpoint, "{endpoint}");
    }
    options.otlp_endpoint = Some("http://127.0.0.1:1".to_owned());
    for sample in [-0.1, 1.1, f64::NAN] {
        options.sample = sample;
        assert_eq!(Telemetry::start(&options).unwrap_err().kind(), ErrorKind::Sample, "{sample}");
    }
}

/// Sends one HTTP/1.0 request and returns the status and the body of the answer.
async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

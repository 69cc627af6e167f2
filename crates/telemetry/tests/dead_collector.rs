//! Test of a collector that accepts connections and never answers: it must not slow the service.
//!
//! This file has one test, because a process starts telemetry only once.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use spanbridge_telemetry::{ErrorKind, Telemetry, TelemetryOptions, trace};

#[tokio::test]
async fn silent_collector_does_not_block_the_service() {
    // The listener never accepts, so connections hang in the backlog. That is the worst case.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = TelemetryOptions::new("spanbridge-publish", "0.0.0");
    options.otlp_endpoint = Some(format!("http://{}", silent.local_addr().unwrap()));
    options.log = "off".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();

    // Five times as many spans as the queue can hold.
    let began = Instant::now();
    for _ in 0..4_000 {
        let batch = trace::publish::batch("delays", 0);
        for step in [trace::publish::transform(&batch), trace::publish::send(&batch)] {
            drop(step);
        }
        drop(trace::publish::read(&batch, "d"));
        drop(trace::publish::commit(&batch));
    }
    let spent = began.elapsed();
    assert!(spent < Duration::from_secs(3), "20,000 spans took {spent:?}");

    let began = Instant::now();
    let error = telemetry.shutdown(Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Flush);
    let spent = began.elapsed();
    assert!(spent < Duration::from_secs(3), "shutdown took {spent:?}");
}

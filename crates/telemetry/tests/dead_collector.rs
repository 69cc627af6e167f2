//! A collector that takes connections and never answers must cost the service nothing.
//!
//! One test in this file: telemetry is started once per process.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use spanbridge_telemetry::{ErrorKind, Options, Telemetry, trace};

#[tokio::test]
async fn a_silent_collector_blocks_nothing() {
    // Bound, never accepted: connections hang in the backlog, the worst case.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new("spanbridge-publish", "0.0.0");
    options.otlp_endpoint = Some(format!("http://{}", silent.local_addr().unwrap()));
    options.log = "off".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();

    // Five times as many spans as the queue holds.
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

//! Test of libraries that ask the `log` crate whether they should write: no span gets lost.
//!
//! This file has one test, because a process starts telemetry only once.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use spanbridge_telemetry::receiver::{ReceivedSpan, TraceReceiver};
use spanbridge_telemetry::{Telemetry, TelemetryOptions, trace};

const LIMIT: Duration = Duration::from_secs(20);
const SPANS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn records_of_the_log_crate_drop_no_span() {
    let receiver = TraceReceiver::start().await.unwrap();
    let mut options = TelemetryOptions::new("spanbridge-ingest", "1.2.3");
    options.otlp_endpoint = Some(receiver.endpoint());
    // At this level, spans are enabled for all layers, and no filter is asked about them again.
    options.log = "info,log_crate=error".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();
    for number in 0..SPANS {
        // Each of these comes just before a span.
        match number % 4 {
            0 => assert!(!log::log_enabled!(log::Level::Trace)),
            1 => _ = log::log_enabled!(log::Level::Info),
            2 => log::info!("not written"),
            _ => log::error!("written"),
        }
        drop(trace::ingest::batch("flights", "g"));
    }
    let is_batch = |span: &&ReceivedSpan| span.name == "ingest.batch";
    let batches = |spans: &[ReceivedSpan]| spans.iter().filter(is_batch).count();
    let spans = receiver.wait_for(|spans| batches(spans) == SPANS, LIMIT).await;
    let spans = spans.unwrap_or_else(|spans| panic!("{} of {SPANS} spans", batches(&spans)));
    assert_eq!(spans.len(), SPANS, "only the batches are spans");
    telemetry.shutdown(LIMIT).await.unwrap();
}

//! A library that asks the crate `log` whether it is to write costs no span.
//!
//! One test in this file: telemetry is started once per process.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use spanbridge_telemetry::receiver::{Receiver, SpanData};
use spanbridge_telemetry::{Options, Telemetry, trace};

const LIMIT: Duration = Duration::from_secs(20);
const SPANS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn records_of_the_crate_log_take_no_span_away() {
    let receiver = Receiver::start().await.unwrap();
    let mut options = Options::new("spanbridge-ingest", "1.2.3");
    options.otlp_endpoint = Some(receiver.endpoint());
    // Of this level spans are for all layers, and no filter is asked about them again.
    options.log = "info,log_crate=error".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();
    for number in 0..SPANS {
        // Each of them, in front of a span.
        match number % 4 {
            0 => assert!(!log::log_enabled!(log::Level::Trace)),
            1 => _ = log::log_enabled!(log::Level::Info),
            2 => log::info!("not written"),
            _ => log::error!("written"),
        }
        drop(trace::ingest::batch("flights", "g"));
    }
    let is_batch = |span: &&SpanData| span.name == "ingest.batch";
    let batches = |spans: &[SpanData]| spans.iter().filter(is_batch).count();
    let spans = receiver.wait_for(|spans| batches(spans) == SPANS, LIMIT).await;
    let spans = spans.unwrap_or_else(|spans| panic!("{} of {SPANS} spans", batches(&spans)));
    assert_eq!(spans.len(), SPANS, "nothing else is a span");
    telemetry.shutdown(LIMIT).await.unwrap();
}

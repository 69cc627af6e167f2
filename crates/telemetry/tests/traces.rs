//! Tests of the spans that a service exports, as a collector receives them.
//!
//! This file has one test, because a process starts telemetry only once.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use spanbridge_telemetry::receiver::{ReceivedSpan, TraceReceiver};
use spanbridge_telemetry::{ErrorKind, Telemetry, TelemetryOptions, trace};

const LIMIT: Duration = Duration::from_secs(20);
const PRODUCER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const DATABASE: &str = "projects/p/instances/i/databases/d";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_arrive_as_documented() {
    let receiver = TraceReceiver::start().await.unwrap();
    let mut options = TelemetryOptions::new("spanbridge-ingest", "1.2.3");
    options.otlp_endpoint = Some(receiver.endpoint());
    // Only errors are logged. The spans, all of level info, must be exported nevertheless.
    options.log = "error".to_owned();
    let telemetry = Telemetry::start(&options).unwrap();
    assert_eq!(Telemetry::start(&options).unwrap_err().kind(), ErrorKind::AlreadyStarted);

    let began = SystemTime::now() - Duration::from_secs(5);
    let ids = ingest_batch(began);
    publish_batch();
    many_links();
    foreign_spans();
    let sampled_by_default = trace::ingest::batch("flights", "g");
    assert!(trace::traceparent(&sampled_by_default).is_some());
    drop(sampled_by_default);

    let has = |spans: &[ReceivedSpan], name: &str| spans.iter().filter(|span| span.name == name).count();
    let spans = receiver
        .wait_for(|spans| has(spans, "ingest.batch") == 3 && has(spans, "publish.batch") == 1, LIMIT)
        .await
        .unwrap();

    check_ingest(&spans, &ids, began);
    check_publish(&spans);
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let documented =
        ["ingest.batch", "poll", "decode", "fold", "commit", "publish.batch", "read", "transform", "send"];
    assert_eq!(names, BTreeSet::from(documented), "foreign spans were exported");

    let linked = spans.iter().find(|span| span.dropped_links > 0).unwrap();
    assert_eq!((linked.links.len(), linked.dropped_links), (trace::MAX_LINKS as usize, 36));

    let before = receiver.spans().len();
    drop(trace::ingest::batch("last", "g"));
    telemetry.shutdown(LIMIT).await.unwrap();
    assert_eq!(receiver.spans().len(), before + 1, "shutdown exports the queued spans");
}

struct Ids {
    trace_id: String,
    traceparent: String,
}

fn ingest_batch(began: SystemTime) -> Ids {
    let batch = trace::ingest::batch("flights", "spanbridge-flights");
    trace::start_at(&batch, began);
    trace::link(&batch, &trace::remote_context(PRODUCER.as_bytes()).unwrap());
    batch.record("messaging.destination.name", "flights");
    batch.record("messaging.batch.message_count", 1000_i64);
    let poll = trace::ingest::poll(&batch);
    trace::start_at(&poll, began);
    trace::end_at(&poll, began + Duration::from_secs(1));
    drop(poll);
    batch.in_scope(|| {
        tracing::info!(target: "spanbridge_ingest", code = 7, "in the batch");
        tracing::info!(target: "google_cloud_spanner", "not ours");
        drop(trace::ingest::decode(&batch));
    });
    trace::ingest::fold(&batch).record("spanbridge.rows", 10_i64);
    let commit = trace::ingest::commit(&batch, DATABASE);
    commit.record("db.operation.batch.size", 12_i64);
    trace::fail(&commit, "spanner-fenced");
    drop(commit);
    batch.record("spanbridge.outcome", "fenced");
    Ids { trace_id: trace::trace_id(&batch).unwrap(), traceparent: trace::traceparent(&batch).unwrap() }
}

fn publish_batch() {
    let batch = trace::publish::batch("delays", 3);
    drop(trace::publish::read(&batch, DATABASE));
    drop(trace::publish::transform(&batch));
    trace::publish::send(&batch).record("messaging.batch.message_count", 5_i64);
    drop(trace::publish::commit(&batch));
}

fn many_links() {
    let batch = trace::ingest::batch("flights", "g");
    for number in 1..=100 {
        let producer = format!("00-{number:032x}-{number:016x}-00");
        trace::link(&batch, &trace::remote_context(producer.as_bytes()).unwrap());
    }
}

fn foreign_spans() {
    let batch = trace::publish::batch("never ends", 0);
    let inside = batch.enter();
    drop(tracing::info_span!(target: "google_cloud_spanner::client", "rpc"));
    drop(tracing::info_span!("of a module"));
    drop(tracing::debug_span!(target: "spanbridge", "too fine"));
    drop(tracing::info_span!(target: "spanbridge", "not from our crates"));
    drop(tracing::info_span!(target: "spanbridgehead", "of another target"));
    drop(inside);
    // A span that never ends must not be exported.
    std::mem::forget(batch);
}

fn check_ingest(spans: &[ReceivedSpan], ids: &Ids, began: SystemTime) {
    let ours: Vec<_> = spans.iter().filter(|span| span.trace_id == ids.trace_id).collect();
    let named =
        |name: &str| *ours.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"));
    let nanos =
        |time: SystemTime| u64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();

    let batch = named(trace::ingest::ROOT_SPAN);
    assert_eq!(batch.parent_span_id, None);
    assert_eq!(batch.kind, "consumer");
    assert_eq!(ids.traceparent, format!("00-{}-{}-01", batch.trace_id, batch.span_id));
    assert_eq!(batch.links, [("0af7651916cd43dd8448eb211c80319c".to_owned(), "b7ad6b7169203331".to_owned())]);
    assert_eq!(batch.start_unix_nanos, nanos(began));
    let expected = json!({
        "spanbridge.pipeline": "flights",
        "spanbridge.outcome": "fenced",
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "ingest",
        "messaging.consumer.group.name": "spanbridge-flights",
        "messaging.destination.name": "flights",
        "messaging.batch.message_count": 1000,
    });
    assert_eq!(json!(batch.attributes), expected);
    let events: Vec<_> = batch.events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(events, ["in the batch"]);

    assert_eq!(ours.len(), 1 + trace::ingest::CHILD_SPANS.len());
    for step in trace::ingest::CHILD_SPANS {
        assert_eq!(named(step).parent_span_id.as_ref(), Some(&batch.span_id), "{step}");
    }
    let poll = named("poll");
    assert_eq!(poll.start_unix_nanos, nanos(began));
    assert_eq!(poll.end_unix_nanos, nanos(began + Duration::from_secs(1)));
    assert_eq!(json!(named("fold").attributes), json!({ "spanbridge.rows": 10 }));
    let commit = named("commit");
    assert!(commit.is_failed && !batch.is_failed);
    assert_eq!(commit.kind, "client");
    let expected = json!({
        "db.system.name": "gcp.spanner",
        "db.namespace": DATABASE,
        "db.operation.name": "commit",
        "db.operation.batch.size": 12,
        "error.type": "spanner-fenced",
    });
    assert_eq!(json!(commit.attributes), expected);

    assert_eq!(batch.service, "spanbridge-ingest");
    assert_eq!(batch.resource["service.version"], "1.2.3");
    assert_eq!(batch.resource["service.instance.id"].as_str().unwrap().len(), 36);
}

fn check_publish(spans: &[ReceivedSpan]) {
    let batch = spans.iter().find(|span| span.name == trace::publish::ROOT_SPAN).unwrap();
    assert_eq!(batch.attributes["spanbridge.shard"], 3);
    let steps = trace::publish::CHILD_SPANS;
    for step in steps {
        let child = spans.iter().find(|span| span.name == step && span.trace_id == batch.trace_id).unwrap();
        assert_eq!(child.parent_span_id.as_ref(), Some(&batch.span_id), "{step}");
    }
}

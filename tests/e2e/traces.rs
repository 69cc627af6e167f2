//! Spans that both services export over OTLP: names, parents, links and attributes.

use spanbridge_kafka::Message;
use spanbridge_telemetry::receiver::{ReceivedSpan, TraceReceiver};
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, FixtureOptions, TIMEOUT};
use super::invariants;
use super::orders::Order;
use super::shared_testbed::testbed;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[tokio::test]
async fn both_services_export_their_spans() {
    let receiver = TraceReceiver::start().await.unwrap();
    let testbed = testbed().await;
    let telemetry = format!("otlp_endpoint = \"{}\"", receiver.endpoint());
    let choices = FixtureOptions { telemetry, ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    let header = ("traceparent".to_owned(), Some(format!("00-{TRACE}-{PARENT}-01").into_bytes()));
    let message = Message { headers: vec![header], ..fixture.order(&Order::numbered(1)) };
    fixture.send(&[message]).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;

    let pipelines = [Service::Ingest, Service::Publish].map(|service| fixture.pipeline(service));
    let is_committed = |span: &ReceivedSpan, root: &str| {
        let has = |name: &str, value: &str| span.attributes.get(name).is_some_and(|it| it == value);
        let ours = pipelines.iter().any(|pipeline| has("spanbridge.pipeline", pipeline));
        span.name == root && ours && has("spanbridge.outcome", "committed")
    };
    let whole = |spans: &[ReceivedSpan], root: &str, steps: &[&str]| {
        spans.iter().filter(|span| is_committed(span, root)).any(|root| {
            let child = |step: &&str| {
                spans
                    .iter()
                    .any(|span| span.name == **step && span.parent_span_id.as_ref() == Some(&root.span_id))
            };
            steps.iter().all(child)
        })
    };
    let ingest_steps = ["poll", "decode", "fold", "commit"];
    let publish_steps = ["read", "transform", "send", "commit"];
    let spans = receiver.wait_for(
        |spans| whole(spans, "ingest.batch", &ingest_steps) && whole(spans, "publish.batch", &publish_steps),
        TIMEOUT,
    );
    let spans = spans.await.unwrap_or_else(|spans| panic!("{spans:#?}"));

    let batch = spans.iter().find(|span| is_committed(span, "ingest.batch")).unwrap();
    assert_eq!(batch.service, "spanbridge-ingest");
    assert_eq!(batch.attributes["spanbridge.pipeline"], fixture.pipeline(Service::Ingest).as_str());
    assert_eq!(batch.attributes["messaging.destination.name"], fixture.topic.as_str());
    assert!(batch.links.contains(&(TRACE.to_owned(), PARENT.to_owned())), "{:?}", batch.links);
    let commit = spans
        .iter()
        .find(|span| span.name == "commit" && span.parent_span_id.as_ref() == Some(&batch.span_id))
        .unwrap();
    assert_eq!(commit.trace_id, batch.trace_id);
    assert_eq!(commit.attributes["db.system.name"], "gcp.spanner");
    let batch = spans.iter().find(|span| is_committed(span, "publish.batch")).unwrap();
    assert_eq!(batch.service, "spanbridge-publish");
    assert_eq!(batch.attributes["spanbridge.pipeline"], fixture.pipeline(Service::Publish).as_str());
    // No span contains data of a record.
    let text = format!("{spans:?}");
    assert!(!text.contains("customer-1"), "a span contains a value");
}

//! Transaction tags carry the pipeline of a commit and a producer's trace from ingest to publish. The emulator has no tags,
//! so these tests use the fake Spanner.

use std::sync::Arc;

use spanbridge_fake_spanner::{FakeSpanner, Fault};
use spanbridge_kafka::{ErrorKind, Message, Reader, Record};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_spanner::CommitOptions;
use spanbridge_telemetry::receiver::{ReceivedSpan, TraceReceiver};
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, FixtureOptions, PARTITIONS, TIMEOUT, wait_for};
use super::in_doubt::without_constraints;
use super::invariants;
use super::orders::Order;
use super::shared_testbed::testbed;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// Another pipeline of the same stream, which skips the commits of ingest.
const OWN: &str = "[[publish]]\nname = \"foreign-{id}\"\nchange_stream = \"OrdersStream\"\nskip_own = true\n\
    create_topics = { partitions = 1, replication_factor = 1 }\n";
/// The id of a row that ingest does not write.
const FOREIGN: i64 = 1_000_000;

async fn fixture(fake_spanner: &FakeSpanner, ddl: &[String], choices: FixtureOptions) -> Fixture {
    let (testbed, at) = (testbed().await, [fake_spanner.grpc(), fake_spanner.rest()]);
    Fixture::at(testbed.kafka().unwrap(), [&at[0], &at[1]], ddl, testbed, choices).await
}

/// Writes a row that is not from ingest.
async fn write_foreign_row(fixture: &Fixture) {
    let columns: Arc<[String]> = ["Id", "Customer", "SourceOffset"].map(str::to_owned).into();
    let rows = vec![vec![FOREIGN.into(), "somebody".into(), 0.into()]];
    let insert = Mutation { write: Write::Insert, table: "Orders".into(), columns, rows };
    let options = CommitOptions { tag: Some("app=other"), ..CommitOptions::default() };
    fixture.database.commit(vec![insert], options).await.unwrap();
}

/// Reads the records of a pipeline's orders; there are none before the topic exists.
async fn orders(fixture: &Fixture, pipeline: &str) -> Vec<Record> {
    let reader = Reader::new(&fixture.kafka, TIMEOUT).unwrap();
    match reader.read_to_end(&format!("{pipeline}-{}.Orders", fixture.id)).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable) => Vec::new(),
        records => records.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_of_a_producer_reaches_the_consumer_through_spanner() {
    check_trace(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_survives_aborted_commits() {
    check_trace(3).await;
}

/// Waits until both ingest pipelines have positions, so that later commits contain data.
async fn wait_for_positions(fixture: &Fixture) {
    for pipeline in fixture.ingests() {
        wait_for("position of each partition", async || {
            let positions = spanbridge_verify::positions::read(&fixture.database, &pipeline).await.unwrap();
            i32::try_from(positions.len()) == Ok(PARTITIONS)
        })
        .await;
    }
}

/// Checks that a trace reaches the consumer after Spanner has aborted `aborts` commits.
async fn check_trace(aborts: u64) {
    let receiver = TraceReceiver::start().await.unwrap();
    let telemetry = format!("otlp_endpoint = \"{}\"", receiver.endpoint());
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let choices = FixtureOptions { telemetry, ..FixtureOptions::default() };
    let fixture = fixture(&fake_spanner, &without_constraints(), choices).await;
    let header = ("traceparent".to_owned(), Some(format!("00-{TRACE}-{PARENT}-01").into_bytes()));
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    wait_for_positions(&fixture).await;
    for nth in 1..=aborts {
        fake_spanner.faults().nth(nth, Fault::Aborted);
    }
    fixture.send(&[Message { headers: vec![header], ..fixture.order(&Order::numbered(1)) }]).await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;

    let published = orders(&fixture, "publish").await;
    let value = |record: &Record| {
        let header = record.headers.iter().find(|(name, _)| name == "traceparent")?;
        String::from_utf8(header.1.clone()?).ok()
    };
    let headers: Vec<String> = published.iter().filter_map(value).collect();
    assert_eq!(headers.len(), 1, "{headers:?}");
    let span = headers[0].strip_prefix(&format!("00-{TRACE}-")).unwrap().strip_suffix("-01").unwrap();

    let ours = format!("ingest-{}", fixture.id);
    let is_apply = |span: &ReceivedSpan| {
        span.name == "ingest.apply" && span.attributes["spanbridge.pipeline"] == ours.as_str()
    };
    let are_exported = |spans: &[ReceivedSpan]| {
        spans.iter().any(is_apply) && spans.iter().any(|exported| exported.span_id == span)
    };
    let spans = receiver.wait_for(are_exported, TIMEOUT).await.unwrap_or_else(|spans| panic!("{spans:#?}"));
    let apply = spans.iter().find(|span| is_apply(span)).unwrap();
    assert_eq!((apply.trace_id.as_str(), apply.parent_span_id.as_deref()), (TRACE, Some(PARENT)));
    let publish = spans.iter().find(|exported| exported.span_id == span).unwrap();
    assert_eq!(
        (publish.name.as_str(), publish.service.as_str()),
        ("publish.transaction", "spanbridge-publish")
    );
    assert_eq!((publish.trace_id.as_str(), &publish.parent_span_id), (TRACE, &Some(apply.span_id.clone())));
    let batch = spans.iter().find(|batch| batch.name == "publish.batch" && !batch.links.is_empty()).unwrap();
    assert!(batch.links.contains(&(TRACE.to_owned(), apply.span_id.clone())), "{:?}", batch.links);
}

#[tokio::test(flavor = "multi_thread")]
async fn own_commits_are_skipped_and_foreign_commits_are_published() {
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let choices = FixtureOptions { pipelines: OWN, ..FixtureOptions::default() };
    let fixture = fixture(&fake_spanner, &without_constraints(), choices).await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    fixture.produce(0..100).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    let own = orders(&fixture, "publish").await.len();
    assert!(own > 0);
    write_foreign_row(&fixture).await;
    wait_for("foreign change", async || orders(&fixture, "foreign").await.len() == 1).await;
    wait_for("change of all", async || orders(&fixture, "publish").await.len() == own + 1).await;
    assert_eq!(orders(&fixture, "foreign").await.len(), 1);
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn excluded_commit_is_absent_from_streams_that_allow_exclusion() {
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let allowing = |statement: String| match statement.starts_with("CREATE CHANGE STREAM") {
        true => format!("{statement} OPTIONS (allow_txn_exclusion = true)"),
        false => statement,
    };
    let ddl: Vec<String> = without_constraints().into_iter().map(allowing).collect();
    let choices =
        FixtureOptions { ingest: "exclude_from_change_streams = true", ..FixtureOptions::default() };
    let fixture = fixture(&fake_spanner, &ddl, choices).await;
    let publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    fixture.produce(0..100).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    write_foreign_row(&fixture).await;
    wait_for("foreign change", async || !orders(&fixture, "publish").await.is_empty()).await;
    assert_eq!(orders(&fixture, "publish").await.len(), 1);
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

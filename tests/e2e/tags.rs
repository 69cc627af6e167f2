//! What the transaction tag carries from ingest to publish: whose commit it is, and a producer's trace. The emulator
//! has no tags, so Spanner is the stand-in.

use std::sync::Arc;

use spanbridge_fake_spanner::{FakeSpanner, Fault};
use spanbridge_kafka::{ErrorKind, Message, Reader, Record};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_spanner::CommitOptions;
use spanbridge_telemetry::receiver::{ReceivedSpan, TraceReceiver};
use spanbridge_testbed::child_process::Service;

use super::bed::bed;
use super::doubt::without_constraints;
use super::invariants;
use super::orders::Order;
use super::world::{Choices, LIMIT, PARTITIONS, World, wait_for};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
/// Another pipeline of the same stream, which leaves out what ingest writes.
const OWN: &str = "[[publish]]\nname = \"foreign-{id}\"\nchange_stream = \"OrdersStream\"\nskip_own = true\n\
    create_topics = { partitions = 1, replication_factor = 1 }\n";
/// A row that no record stands for.
const FOREIGN: i64 = 1_000_000;

async fn world(fake_spanner: &FakeSpanner, ddl: &[String], choices: Choices) -> World {
    let (bed, at) = (bed().await, [fake_spanner.grpc(), fake_spanner.rest()]);
    World::at(bed.kafka().unwrap(), [&at[0], &at[1]], ddl, bed, choices).await
}

/// Somebody else's write.
async fn foreign(world: &World) {
    let columns: Arc<[String]> = ["Id", "Customer", "SourceOffset"].map(str::to_owned).into();
    let rows = vec![vec![FOREIGN.into(), "somebody".into(), 0.into()]];
    let insert = Mutation { write: Write::Insert, table: "Orders".into(), columns, rows };
    let options = CommitOptions { tag: Some("app=other"), ..CommitOptions::default() };
    world.database.commit(vec![insert], options).await.unwrap();
}

/// The records of a pipeline's orders; none before there is a topic.
async fn orders(world: &World, pipeline: &str) -> Vec<Record> {
    let reader = Reader::new(&world.kafka, LIMIT).unwrap();
    match reader.read_to_end(&format!("{pipeline}-{}.Orders", world.id)).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable) => Vec::new(),
        records => records.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producers_trace_leads_over_spanner_to_the_consumer() {
    traced(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_when_commits_were_aborted() {
    traced(3).await;
}

/// Both ingest pipelines have their positions: what they commit now is data.
async fn registered(world: &World) {
    for pipeline in world.ingests() {
        wait_for("position of each partition", async || {
            let positions = spanbridge_verify::positions::read(&world.database, &pipeline).await.unwrap();
            i32::try_from(positions.len()) == Ok(PARTITIONS)
        })
        .await;
    }
}

/// After so many commits that Spanner aborts.
async fn traced(aborts: u64) {
    let receiver = TraceReceiver::start().await.unwrap();
    let telemetry = format!("otlp_endpoint = \"{}\"", receiver.endpoint());
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let choices = Choices { telemetry, ..Choices::default() };
    let world = world(&fake_spanner, &without_constraints(), choices).await;
    let header = ("traceparent".to_owned(), Some(format!("00-{TRACE}-{PARENT}-01").into_bytes()));
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    registered(&world).await;
    for nth in 1..=aborts {
        fake_spanner.faults().nth(nth, Fault::Aborted);
    }
    world.send(&[Message { headers: vec![header], ..world.order(&Order::numbered(1)) }]).await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;

    let published = orders(&world, "publish").await;
    let value = |record: &Record| {
        let header = record.headers.iter().find(|(name, _)| name == "traceparent")?;
        String::from_utf8(header.1.clone()?).ok()
    };
    let headers: Vec<String> = published.iter().filter_map(value).collect();
    assert_eq!(headers.len(), 1, "{headers:?}");
    let span = headers[0].strip_prefix(&format!("00-{TRACE}-")).unwrap().strip_suffix("-01").unwrap();

    let ours = format!("ingest-{}", world.id);
    let is_apply = |span: &ReceivedSpan| {
        span.name == "ingest.apply" && span.attributes["spanbridge.pipeline"] == ours.as_str()
    };
    let is_told =
        |spans: &[ReceivedSpan]| spans.iter().any(is_apply) && spans.iter().any(|told| told.span_id == span);
    let spans = receiver.wait_for(is_told, LIMIT).await.unwrap_or_else(|spans| panic!("{spans:#?}"));
    let apply = spans.iter().find(|span| is_apply(span)).unwrap();
    assert_eq!((apply.trace_id.as_str(), apply.parent_span_id.as_deref()), (TRACE, Some(PARENT)));
    let told = spans.iter().find(|told| told.span_id == span).unwrap();
    assert_eq!((told.name.as_str(), told.service.as_str()), ("publish.transaction", "spanbridge-publish"));
    assert_eq!((told.trace_id.as_str(), &told.parent_span_id), (TRACE, &Some(apply.span_id.clone())));
    let batch = spans.iter().find(|batch| batch.name == "publish.batch" && !batch.links.is_empty()).unwrap();
    assert!(batch.links.contains(&(TRACE.to_owned(), apply.span_id.clone())), "{:?}", batch.links);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bridge_wrote_is_skipped_and_what_others_wrote_is_not() {
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let choices = Choices { pipelines: OWN, ..Choices::default() };
    let world = world(&fake_spanner, &without_constraints(), choices).await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    world.produce(0..100).await;
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    let own = orders(&world, "publish").await.len();
    assert!(own > 0);
    foreign(&world).await;
    wait_for("foreign change", async || orders(&world, "foreign").await.len() == 1).await;
    wait_for("change of all", async || orders(&world, "publish").await.len() == own + 1).await;
    assert_eq!(orders(&world, "foreign").await.len(), 1);
    for worker in [ingest, publish] {
        worker.stop(LIMIT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_commit_is_in_no_stream_that_allows_it() {
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let allowing = |statement: String| match statement.starts_with("CREATE CHANGE STREAM") {
        true => format!("{statement} OPTIONS (allow_txn_exclusion = true)"),
        false => statement,
    };
    let ddl: Vec<String> = without_constraints().into_iter().map(allowing).collect();
    let choices = Choices { ingest: "exclude_from_change_streams = true", ..Choices::default() };
    let world = world(&fake_spanner, &ddl, choices).await;
    let publish = world.start_ready(Service::Publish, "publish").await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    world.produce(0..100).await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&world).await;
    foreign(&world).await;
    wait_for("foreign change", async || !orders(&world, "publish").await.is_empty()).await;
    assert_eq!(orders(&world, "publish").await.len(), 1);
    for worker in [ingest, publish] {
        worker.stop(LIMIT).await.unwrap();
    }
}

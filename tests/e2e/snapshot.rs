//! `snapshot`: an incremental snapshot while both services run and are killed.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::process::Output;

use serde_json::Value as Json;
use spanbridge_kafka::Reader;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::{Datum, Decoder, Format};
use spanbridge_spanner::KeyRange;
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, TIMEOUT, command, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

const BEFORE: i64 = 1500;
const RECORDS: i64 = 3000;
const KILLS: usize = 3;

/// A published record of an order.
#[derive(Debug)]
struct PublishedOrder {
    op: String,
    at: i64,
    source_offset: Option<i64>,
}

async fn snapshot(fixture: &Fixture, arguments: &[&str]) -> Output {
    let (config, rest) = (fixture.config().to_owned(), fixture.rest.clone());
    let pipeline = fixture.pipeline(Service::Publish);
    let all = [&["snapshot", "--pipeline", &pipeline], arguments].concat();
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    let run = move || command(&all.iter().map(String::as_str).collect::<Vec<_>>(), &config, &rest);
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn output_of(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = snapshot(fixture, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Reads the records of each order from the topic, in topic order.
async fn read_published(fixture: &Fixture) -> BTreeMap<i64, Vec<PublishedOrder>> {
    let topic = format!("{}.Orders", fixture.pipeline(Service::Publish));
    let records = Reader::new(&fixture.kafka, TIMEOUT).unwrap().read_to_end(&topic).await.unwrap();
    let decoder = Decoder::new(Format::Avro, fixture.registry.clone());
    let int = |value: Option<&Datum>| match value {
        Some(Datum::Int(value)) => Some(*value),
        _ => None,
    };
    let mut published: BTreeMap<i64, Vec<PublishedOrder>> = BTreeMap::new();
    for record in records {
        let Some(value) = record.value else { continue };
        let key = decoder.decode(&record.key.unwrap()).await.unwrap().value;
        let value = decoder.decode(&value).await.unwrap().value;
        let text = |value: Option<&Datum>| match value {
            Some(Datum::String(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        let (op, source) = (text(value.get("op")), value.get("source").unwrap());
        let kind = if op == "r" { "incremental" } else { "false" };
        assert_eq!(text(source.get("snapshot")), kind);
        let source_offset = value.get("after").and_then(|after| int(after.get("SourceOffset")));
        let at = int(source.get("ts_ns")).unwrap();
        published.entry(int(key.get("Id")).unwrap()).or_default().push(PublishedOrder {
            op,
            at,
            source_offset,
        });
    }
    published
}

/// Checks that each snapshot row is published once, after all changes that it contains and before all later ones.
async fn check_rows(fixture: &Fixture) {
    let columns = ["Id", "SourceOffset"].map(|name| (name.to_owned(), Type::Int64));
    let now = fixture.database.snapshot().await.unwrap();
    let everything = KeyRange { start: Bound::Unbounded, end: Bound::Unbounded };
    let rows = now.read_page("Orders", &columns, everything, 100_000).await.unwrap();
    let int = |value: &Value| match value {
        Value::Int64(value) => *value,
        other => panic!("{other:?}"),
    };
    let rows: BTreeMap<i64, i64> = rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect();
    let published = read_published(fixture).await;
    let snapshot_rows = published.values().flatten().filter(|order| order.op == "r").map(|order| order.at);
    let first = snapshot_rows.min().expect("the snapshot published rows");
    for (id, orders) in &published {
        let indices: Vec<usize> = (0..orders.len()).filter(|index| orders[*index].op == "r").collect();
        assert!(indices.len() <= 1, "{id}: {orders:?}");
        let existed = orders.iter().any(|order| order.op == "c" && order.at <= first);
        if existed && orders.iter().all(|order| order.op != "d") {
            assert_eq!(indices.len(), 1, "{id}: {orders:?}");
        }
        let Some(index) = indices.first() else { continue };
        let row = &orders[*index];
        assert!(orders[..*index].iter().all(|before| before.at <= row.at), "{id}: {orders:?}");
        assert!(orders[*index + 1..].iter().all(|after| after.at > row.at), "{id}: {orders:?}");
        assert!(orders[..*index].last().is_some_and(|before| before.op != "d"), "{id}: {orders:?}");
        if index + 1 == orders.len() {
            assert_eq!(row.source_offset, rows.get(id).copied(), "{id}: {orders:?}");
        }
    }
}

#[tokio::test]
async fn incremental_snapshot_publishes_each_row_once_despite_kills() {
    let fixture = Fixture::new(testbed().await).await;
    let refused = snapshot(&fixture, &["--tables", "Orders"]).await;
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-SNAPSHOT-REFUSED") && text.contains("has not begun"), "{text}");
    assert_eq!(output_of(&fixture, &[]).await, "there are no snapshot requests\n");

    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..BEFORE).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let requested = output_of(&fixture, &["--tables", "orders,Totals", "--json"]).await;
    let requested: Json = serde_json::from_str(&requested).unwrap();
    let request = requested["asked"].as_str().unwrap();
    let (step, mut sent) = ((RECORDS - BEFORE) / i64::try_from(KILLS).unwrap(), BEFORE);
    for kill in 0..KILLS {
        fixture.produce(sent..sent + step).await;
        sent += step;
        // Each kill hits another stage.
        let stages = ["halting", "holding", "reading"];
        wait_for(stages[kill], async || {
            let status: Json = serde_json::from_str(&output_of(&fixture, &["--json"]).await).unwrap();
            let stage = status["last"]["stage"].as_str().unwrap_or_default();
            stage == "done" || stages[kill..].contains(&stage)
        })
        .await;
        publish.kill().await.unwrap();
        publish = fixture.start(Service::Publish, "publish");
    }
    let done = output_of(&fixture, &["--wait"]).await;
    assert!(done.contains(&format!("request {request}: done")), "{done}");
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    check_rows(&fixture).await;
    let unknown = snapshot(&fixture, &["--cancel", request]).await;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

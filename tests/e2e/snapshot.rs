//! `snapshot`: rows are published again while both services go on, through kill -9.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::process::Output;

use serde_json::Value as Json;
use spanbridge_kafka::Reader;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::{Datum, Decoder, Format};
use spanbridge_spanner::KeyRange;
use spanbridge_testbed::child_process::Service;

use super::bed::bed;
use super::invariants;
use super::world::{LIMIT, World, command, wait_for};

const BEFORE: i64 = 1500;
const RECORDS: i64 = 3000;
const KILLS: usize = 3;

/// What a record tells of an order.
#[derive(Debug)]
struct Told {
    op: String,
    at: i64,
    source_offset: Option<i64>,
}

async fn snapshot(world: &World, arguments: &[&str]) -> Output {
    let (config, rest) = (world.config().to_owned(), world.rest.clone());
    let pipeline = world.pipeline(Service::Publish);
    let all = [&["snapshot", "--pipeline", &pipeline], arguments].concat();
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    let run = move || command(&all.iter().map(String::as_str).collect::<Vec<_>>(), &config, &rest);
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn said(world: &World, arguments: &[&str]) -> String {
    let output = snapshot(world, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the topic tells of each order, in its order.
async fn told(world: &World) -> BTreeMap<i64, Vec<Told>> {
    let topic = format!("{}.Orders", world.pipeline(Service::Publish));
    let records = Reader::new(&world.kafka, LIMIT).unwrap().read_to_end(&topic).await.unwrap();
    let decoder = Decoder::new(Format::Avro, world.registry.clone());
    let int = |value: Option<&Datum>| match value {
        Some(Datum::Int(value)) => Some(*value),
        _ => None,
    };
    let mut told: BTreeMap<i64, Vec<Told>> = BTreeMap::new();
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
        told.entry(int(key.get("Id")).unwrap()).or_default().push(Told { op, at, source_offset });
    }
    told
}

/// Each row once, behind every change that it holds and in front of every other.
async fn check(world: &World) {
    let columns = ["Id", "SourceOffset"].map(|name| (name.to_owned(), Type::Int64));
    let now = world.database.snapshot().await.unwrap();
    let everything = KeyRange { start: Bound::Unbounded, end: Bound::Unbounded };
    let rows = now.read_page("Orders", &columns, everything, 100_000).await.unwrap();
    let int = |value: &Value| match value {
        Value::Int64(value) => *value,
        other => panic!("{other:?}"),
    };
    let rows: BTreeMap<i64, i64> = rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect();
    let told = told(world).await;
    let holds = told.values().flatten().filter(|told| told.op == "r").map(|told| told.at);
    let first = holds.min().expect("rows were read again");
    for (id, told) in &told {
        let places: Vec<usize> = (0..told.len()).filter(|place| told[*place].op == "r").collect();
        assert!(places.len() <= 1, "{id}: {told:?}");
        let is_there = told.iter().any(|told| told.op == "c" && told.at <= first);
        if is_there && told.iter().all(|told| told.op != "d") {
            assert_eq!(places.len(), 1, "{id}: {told:?}");
        }
        let Some(place) = places.first() else { continue };
        let row = &told[*place];
        assert!(told[..*place].iter().all(|before| before.at <= row.at), "{id}: {told:?}");
        assert!(told[*place + 1..].iter().all(|behind| behind.at > row.at), "{id}: {told:?}");
        assert!(told[..*place].last().is_some_and(|before| before.op != "d"), "{id}: {told:?}");
        if place + 1 == told.len() {
            assert_eq!(row.source_offset, rows.get(id).copied(), "{id}: {told:?}");
        }
    }
}

#[tokio::test]
async fn rows_are_published_again_once_each_though_the_service_is_killed() {
    let world = World::new(bed().await).await;
    let refused = snapshot(&world, &["--tables", "Orders"]).await;
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-SNAPSHOT-REFUSED") && text.contains("has not begun"), "{text}");
    assert_eq!(said(&world, &[]).await, "nobody has asked for rows\n");

    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    world.produce(0..BEFORE).await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    let asked = said(&world, &["--tables", "orders,Totals", "--json"]).await;
    let asked: Json = serde_json::from_str(&asked).unwrap();
    let request = asked["asked"].as_str().unwrap();
    let (step, mut sent) = ((RECORDS - BEFORE) / i64::try_from(KILLS).unwrap(), BEFORE);
    for kill in 0..KILLS {
        world.produce(sent..sent + step).await;
        sent += step;
        // Another part of the way each time.
        let parts = ["halting", "holding", "reading"];
        wait_for(parts[kill], async || {
            let standing: Json = serde_json::from_str(&said(&world, &["--json"]).await).unwrap();
            let stage = standing["last"]["stage"].as_str().unwrap_or_default();
            stage == "done" || parts[kill..].contains(&stage)
        })
        .await;
        publish.kill().await.unwrap();
        publish = world.start(Service::Publish, "publish");
    }
    let done = said(&world, &["--wait"]).await;
    assert!(done.contains(&format!("request {request}: done")), "{done}");
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    check(&world).await;
    let unknown = snapshot(&world, &["--cancel", request]).await;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    for worker in [ingest, publish] {
        worker.stop(LIMIT).await.unwrap();
    }
}

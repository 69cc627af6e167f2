//! `replay`: a pipeline's tables anew beside those that are read, through kill -9, a switch and the way back.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use spanbridge_kafka::{Admin as KafkaAdmin, Message, TopicPartition};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::Database;
use spanbridge_testbed::child_process::Service;
use spanbridge_verify::positions;

use super::bad_data::bad;
use super::bed::bed;
use super::invariants;
use super::world::{LIMIT, PARTITIONS, World, command, wait_for};

/// The same mapping as version 1 with more of it; `{id}` is the world's.
const SECOND: &str = r#"
[[ingest]]
name = "ingest-{id}"
version = 2
topics = ["orders-{id}"]
batch = { max_records = 20, max_wait = "20ms" }
[[ingest.table]]
table = "Orders"
tombstones = "dead-letter"
columns = { Id = "value.id", Customer = "value.customer", Amount = "value.amount", SourceOffset = "offset", PlacedAt = "value.at" }
[[ingest.table]]
table = "Totals"
group_by = { Customer = "value.customer" }
window = { kind = "tumbling", size = "1h", time = "value.at", start = "WindowStart" }
[ingest.table.aggregates]
Orders = "count()"
AmountSum = "sum(value.amount)"
AmountMin = "min(value.amount)"
AmountMax = "max(value.amount)"
Mean = "avg(value.amount)"
"#;

/// Without some rows, with another value in the others, and without the second table.
const THIRD: &str = r#"
[[ingest]]
name = "ingest-{id}"
version = 3
topics = ["orders-{id}"]
batch = { max_wait = "20ms" }
[[ingest.table]]
table = "Orders"
where = "value.id >= 10"
columns = { Id = "value.id", Customer = "value.customer", Amount = "value.amount", SourceOffset = "value.id + 1000000" }
"#;

/// Ids of the orders repeat after so many.
const IDS: i64 = 400;

async fn replay(world: &World, arguments: &[&str]) -> Output {
    let (config, rest) = (world.config().to_owned(), world.rest.clone());
    let pipeline = world.pipeline(Service::Ingest);
    let all = [&["replay"], arguments, &["--pipeline", &pipeline]].concat();
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    // The reader and the runtime's timers go on meanwhile.
    let run = move || command(&all.iter().map(String::as_str).collect::<Vec<_>>(), &config, &rest);
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// The output of a command that succeeds.
async fn said(world: &World, arguments: &[&str]) -> String {
    let output = replay(world, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The message of a command that ends with that exit code.
async fn refused(world: &World, arguments: &[&str], code: i32) -> String {
    let output = replay(world, arguments).await;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    // Lines are wrapped and indented.
    let text = String::from_utf8(output.stderr).unwrap();
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn add(world: &World, pipeline: &str) {
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), text + &pipeline.replace("{id}", &world.id)).unwrap();
}

/// What readers of both views see at one instant: rows of orders, those without the new column, the records that the
/// totals count, and the groups without the new column.
async fn seen(database: &Database) -> [i64; 4] {
    let sql = "SELECT (SELECT COUNT(*) FROM OrdersLive), (SELECT COUNTIF(o.PlacedAt IS NULL) FROM OrdersLive AS o), \
               (SELECT SUM(t.Orders) FROM TotalsLive AS t), (SELECT COUNTIF(t.MeanCount IS NULL) FROM TotalsLive AS t)";
    let rows = database.query(sql, &[], &[Type::Int64, Type::Int64, Type::Int64, Type::Int64]).await.unwrap();
    let number = |value: &Value| if let Value::Int64(number) = value { *number } else { 0 };
    [0, 1, 2, 3].map(|column| number(&rows[0][column]))
}

/// Whether that is all of one version, and which.
fn version([orders, old_orders, records, old_groups]: [i64; 4]) -> i64 {
    assert_eq!(orders, IDS, "rows are missing");
    assert!(records > 0, "the totals are empty");
    match (old_orders, old_groups) {
        (0, 0) => 2,
        (IDS, 1..) => 1,
        mixed => panic!("readers see a mix of versions: {mixed:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_rebuilt_compared_switched_to_and_back_without_a_gap_for_readers() {
    let world = World::new(bed().await).await;
    let garbled = Message { partition: Some(1), ..bad(&world)[1].clone() };
    world.send(&[garbled]).await;
    world.produce(0..3000).await;
    let mut ingest = world.start_ready(Service::Ingest, "first").await;
    invariants::drained(&world, &mut [&mut ingest]).await;

    add(&world, SECOND);
    let started = said(&world, &["start", "--from", "earliest"]).await;
    for part in [
        "`Orders_v2`",
        "VIEW `Totals_v2Merged`",
        "VIEW `OrdersLive`",
        "VIEW `TotalsLive`",
        "/0 begins at offset 0",
    ] {
        assert!(started.contains(part), "{part}: {started}");
    }
    assert_eq!(version(seen(&world.database).await), 1, "nothing has changed for readers");
    let behind = refused(&world, &["switch", "--timeout", "1s"], 1).await;
    assert!(behind.contains("SB-REPLAY-BEHIND") && behind.contains("3001 records behind"), "{behind}");

    let ends = Arc::new(AtomicBool::new(false));
    let looks = Arc::new(AtomicU64::new(0));
    let reader = tokio::spawn({
        let (database, ends, looks) = (world.database.clone(), ends.clone(), looks.clone());
        async move {
            let mut versions = vec![1];
            while !ends.load(Ordering::Relaxed) {
                let version = version(seen(&database).await);
                if versions.last() != Some(&version) {
                    versions.push(version);
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
            versions
        }
    });

    // The new version is rebuilt while records keep coming, and its worker dies in the middle.
    ingest.stop(LIMIT).await.unwrap();
    let second = format!("{}@2", world.pipeline(Service::Ingest));
    let applied =
        async || positions::count_applied(&positions::read(&world.database, &second).await.unwrap());
    let mut ingest = world.start(Service::Ingest, "both");
    wait_for("record of the new version", async || applied().await > 100).await;
    ingest.kill().await.unwrap();
    assert!(applied().await < 3001, "it was killed in the middle");
    world.produce(3000..3300).await;
    let mut ingest = world.start_ready(Service::Ingest, "both").await;
    world.produce(3300..3400).await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    said(&world, &["status", "--wait", "--timeout", "4m"]).await;

    let status: Json = serde_json::from_str(&said(&world, &["status", "--json"]).await).unwrap();
    assert_eq!([&status["behind"], &status["lag"], &status["active"]], [0, 0, 1], "{status:#}");
    assert!((status["share"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{status:#}");
    assert_eq!(status["partitions"].as_array().unwrap().len(), usize::try_from(PARTITIONS).unwrap());
    let compared: Json = serde_json::from_str(&said(&world, &["compare", "--json"]).await).unwrap();
    assert_eq!(
        (&compared["equal"], &compared["apart"]),
        (&true.into(), &serde_json::json!([])),
        "{compared:#}"
    );
    let [orders, totals] = [&compared["tables"][0], &compared["tables"][1]];
    assert_eq!([&orders["table"], &totals["table"]], ["Orders", "Totals"]);
    assert_eq!(orders["equal"], IDS, "{compared:#}");
    assert!(totals["equal"].as_u64().unwrap() > 28, "{compared:#}");
    assert_eq!(orders["checksums"][0], orders["checksums"][1]);
    assert_eq!(orders["notes"], serde_json::json!(["PlacedAt is new"]));

    // Both keep being written, so that the way back leads to tables that are up to date.
    for (number, to) in [(3400, "2"), (3500, "1"), (3600, "2"), (3700, "1")] {
        let switched = said(&world, &["switch", "--to", to]).await;
        assert!(switched.contains(&format!(" to {to}; to switch back")), "{switched}");
        let before = looks.load(Ordering::Relaxed);
        wait_for("look of the reader", async || looks.load(Ordering::Relaxed) > before + 1).await;
        world.produce(number..number + 100).await;
    }
    ends.store(true, Ordering::Relaxed);
    assert_eq!(reader.await.unwrap(), [1, 2, 1, 2, 1]);
    invariants::drained(&world, &mut [&mut ingest]).await;

    dropped(&world, &second, ingest).await;
}

/// Version 2 goes, and all that belongs to it; the views stay.
async fn dropped(world: &World, second: &str, ingest: spanbridge_testbed::child_process::WorkerProcess) {
    let active = refused(world, &["drop", "--version", "1", "--yes"], 1).await;
    // Version 1 is run by workers too, which is found first.
    assert!(active.contains("SB-REPLAY-RUNNING"), "{active}");
    let running = refused(world, &["drop", "--version", "2", "--yes"], 1).await;
    assert!(running.contains("SB-REPLAY-RUNNING"), "{running}");
    ingest.stop(LIMIT).await.unwrap();
    let active = refused(world, &["drop", "--version", "1", "--yes"], 1).await;
    assert!(active.contains("SB-REPLAY-ACTIVE"), "{active}");
    let asked = refused(world, &["drop", "--version", "2"], 2).await;
    assert!(asked.contains("Orders_v2, Totals_v2 would be dropped"), "{asked}");
    let said = said(world, &["drop", "--version", "2", "--yes"]).await;
    assert!(said.contains("4 positions and 1 dead letters are deleted"), "{said}");
    for table in ["Orders_v2", "Totals_v2"] {
        assert_eq!(world.database.table(table).await.unwrap(), None, "{table}");
    }
    assert_eq!(world.database.view("Totals_v2Merged").await.unwrap(), None);
    for table in ["BridgePartitions", "BridgePositions", "BridgeDeadLetters"] {
        let columns = [("KafkaPartition".to_owned(), Type::Int64)];
        let rows = world.database.read_prefix(table, &columns, vec![second.into()]).await.unwrap();
        assert_eq!(rows.len(), 0, "{table}");
    }
    let rows = world.database.query("SELECT COUNT(*) FROM OrdersLive", &[], &[Type::Int64]).await.unwrap();
    assert_eq!(rows, [[Value::Int64(IDS)]]);
    let gone = refused(world, &["switch", "--to", "2"], 1).await;
    assert!(gone.contains("SB-REPLAY-NOT-STARTED"), "{gone}");
    // Nothing is in the way of another attempt.
    let again = replay_from_now(world).await;
    assert!(again.contains("version 2 of"), "{again}");
}

async fn replay_from_now(world: &World) -> String {
    let later = world.database.now().await.unwrap() + Duration::from_secs(3600);
    let started = said(world, &["start", "--from", &later.to_rfc3339()]).await;
    // No record is that new, so it begins at the end.
    let status: Json = serde_json::from_str(&said(world, &["status", "--json"]).await).unwrap();
    assert_eq!([&status["lag"], &status["behind"]], [0, 0], "{status:#}");
    started
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_changed_mapping_changes_is_found_and_a_start_that_the_log_does_not_hold_is_refused() {
    let world = World::new(bed().await).await;
    world.produce(0..300).await;
    let mut ingest = world.start_ready(Service::Ingest, "first").await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    ingest.stop(LIMIT).await.unwrap();
    let unknown = refused(&world, &["start", "--from", "earliest", "--version", "2"], 2).await;
    assert!(unknown.contains("SB-REPLAY-VERSION"), "{unknown}");

    add(&world, THIRD);
    let offsets = |first: i64| {
        let each = (0..PARTITIONS).map(|partition| format!("{}/{partition}={first}", world.topic));
        each.collect::<Vec<_>>().join(",")
    };
    let beyond = refused(&world, &["start", "--from", &offsets(999_999)], 2).await;
    assert!(beyond.contains("SB-REPLAY-FROM") && beyond.contains("beyond the end"), "{beyond}");
    let kafka = KafkaAdmin::new(&world.kafka, LIMIT).unwrap();
    kafka.delete_records(&TopicPartition::new(world.topic.as_str(), 0), 5).await.unwrap();
    let gone = refused(&world, &["start", "--from", &offsets(2)], 2).await;
    assert!(gone.contains("SB-REPLAY-FROM") && gone.contains("3 offsets from 2 on are gone"), "{gone}");
    let partial = refused(&world, &["start", "--from", &format!("{}/0=7", world.topic)], 2).await;
    assert!(partial.contains(&format!("no offset is given for {}/1", world.topic)), "{partial}");
    assert_eq!(world.database.table("Orders_v3").await.unwrap(), None, "a refused start has made something");
    let absent = refused(&world, &["status"], 1).await;
    assert!(absent.contains("SB-REPLAY-NOT-STARTED"), "{absent}");

    let started = replay(&world, &["start", "--from", "earliest"]).await;
    assert!(started.status.success(), "{started:?}");
    let lost = String::from_utf8(started.stderr).unwrap();
    assert!(lost.contains("no longer holds its first 5 offsets"), "{lost}");
    let twice = refused(&world, &["start", "--from", "earliest"], 1).await;
    assert!(twice.contains("SB-REPLAY-STARTED") && twice.contains("add up to 5"), "{twice}");

    let mut ingest = world.start_ready(Service::Ingest, "both").await;
    said(&world, &["status", "--wait", "--timeout", "4m"]).await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    let output = replay(&world, &["compare", "--json", "--show-keys"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("SB-REPLAY-DIFFERENT"), "{error}");
    let compared: Json = serde_json::from_slice(&output.stdout).unwrap();
    let orders = &compared["tables"][0];
    let lost = lost_rows(&world).await;
    let missing = i64::try_from(lost).unwrap() + 10;
    assert_eq!((&orders["missing"], &orders["extra"]), (&missing.into(), &0.into()), "{compared:#}");
    assert_eq!(
        (&orders["different"], &orders["equal"]),
        (&(300 - missing).into(), &0.into()),
        "{compared:#}"
    );
    assert_eq!(orders["keys"].as_array().unwrap().len(), 10);
    assert_eq!(orders["keys"][0], serde_json::json!(["missing", "0"]));
    assert_eq!(compared["tables"].as_array().unwrap().len(), 1);
    // Keys are data.
    let quiet: Json = serde_json::from_slice(&replay(&world, &["compare", "--json"]).await.stdout).unwrap();
    assert_eq!(quiet["tables"][0]["keys"], Json::Null, "{quiet:#}");
    ingest.stop(LIMIT).await.unwrap();
}

/// Rows of ids from 10 on that only records deleted from the log made.
async fn lost_rows(world: &World) -> usize {
    let columns =
        [("Id", Type::Int64), ("SourceOffset", Type::Int64)].map(|(name, ty)| (name.to_owned(), ty));
    let [all, new] = ["Orders", "Orders_v3"].map(|table| world.database.read_all(table, &columns, None));
    let (all, new) = (all.await.unwrap(), new.await.unwrap());
    let kept: Vec<&Value> = new.iter().map(|row| &row[0]).collect();
    let lost = all.iter().filter(|row| row[0] >= Value::Int64(10) && !kept.contains(&&row[0]));
    lost.inspect(|row| assert!(row[1] < Value::Int64(5), "{row:?} is in the log")).count()
}

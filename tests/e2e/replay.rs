//! `replay`: a pipeline's tables are rebuilt as a new version, through kills, a switch, and a switch back.

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

use super::bad_data::bad_records;
use super::fixture::{Fixture, PARTITIONS, TIMEOUT, command, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

/// The mapping of version 1 with one more column; `{id}` is the id of the fixture.
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

/// A mapping without some rows, with another value in the other rows, and without the second table.
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

/// The number of orders after which ids repeat.
const IDS: i64 = 400;

async fn replay(fixture: &Fixture, arguments: &[&str]) -> Output {
    let (config, rest) = (fixture.config().to_owned(), fixture.rest.clone());
    let pipeline = fixture.pipeline(Service::Ingest);
    let all = [&["replay"], arguments, &["--pipeline", &pipeline]].concat();
    let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
    // The reader and the timers of the runtime must continue meanwhile.
    let run = move || command(&all.iter().map(String::as_str).collect::<Vec<_>>(), &config, &rest);
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Runs a command that must succeed, and returns its output.
async fn output_of(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = replay(fixture, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail with this exit code, and returns its message.
async fn failure_of(fixture: &Fixture, arguments: &[&str], code: i32) -> String {
    let output = replay(fixture, arguments).await;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    // The message is wrapped and indented.
    let text = String::from_utf8(output.stderr).unwrap();
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn add(fixture: &Fixture, pipeline: &str) {
    let text = std::fs::read_to_string(fixture.config()).unwrap();
    std::fs::write(fixture.config(), text + &pipeline.replace("{id}", &fixture.id)).unwrap();
}

/// Counts what readers of both views see at one timestamp: orders, orders without the new column, the records in the totals,
/// and totals without the new column.
async fn count_visible(database: &Database) -> [i64; 4] {
    let sql = "SELECT (SELECT COUNT(*) FROM OrdersLive), (SELECT COUNTIF(o.PlacedAt IS NULL) FROM OrdersLive AS o), \
               (SELECT SUM(t.Orders) FROM TotalsLive AS t), (SELECT COUNTIF(t.MeanCount IS NULL) FROM TotalsLive AS t)";
    let rows = database.query(sql, &[], &[Type::Int64, Type::Int64, Type::Int64, Type::Int64]).await.unwrap();
    let number = |value: &Value| if let Value::Int64(number) = value { *number } else { 0 };
    [0, 1, 2, 3].map(|column| number(&rows[0][column]))
}

/// Returns the version to which all visible rows belong.
fn visible_version([orders, old_orders, records, old_groups]: [i64; 4]) -> i64 {
    assert_eq!(orders, IDS, "rows are missing");
    assert!(records > 0, "the totals are empty");
    match (old_orders, old_groups) {
        (0, 0) => 2,
        (IDS, 1..) => 1,
        mixed => panic!("readers see a mix of versions: {mixed:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_is_rebuilt_compared_switched_and_switched_back_without_interrupting_readers() {
    let fixture = Fixture::new(testbed().await).await;
    let garbled = Message { partition: Some(1), ..bad_records(&fixture)[1].clone() };
    fixture.send(&[garbled]).await;
    fixture.produce(0..3000).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "first").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;

    add(&fixture, SECOND);
    let started = output_of(&fixture, &["start", "--from", "earliest"]).await;
    for part in [
        "`Orders_v2`",
        "VIEW `Totals_v2Merged`",
        "VIEW `OrdersLive`",
        "VIEW `TotalsLive`",
        "/0 begins at offset 0",
    ] {
        assert!(started.contains(part), "{part}: {started}");
    }
    assert_eq!(visible_version(count_visible(&fixture.database).await), 1, "readers see no change");
    let behind = failure_of(&fixture, &["switch", "--timeout", "1s"], 1).await;
    assert!(behind.contains("SB-REPLAY-BEHIND") && behind.contains("3001 records behind"), "{behind}");

    let ends = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    let reader = tokio::spawn({
        let (database, ends, reads) = (fixture.database.clone(), ends.clone(), reads.clone());
        async move {
            let mut versions = vec![1];
            while !ends.load(Ordering::Relaxed) {
                let version = visible_version(count_visible(&database).await);
                if versions.last() != Some(&version) {
                    versions.push(version);
                }
                reads.fetch_add(1, Ordering::Relaxed);
            }
            versions
        }
    });

    // The new version is rebuilt while records arrive, and its worker is killed meanwhile.
    ingest.stop(TIMEOUT).await.unwrap();
    let second = format!("{}@2", fixture.pipeline(Service::Ingest));
    let applied =
        async || positions::count_applied(&positions::read(&fixture.database, &second).await.unwrap());
    let mut ingest = fixture.start(Service::Ingest, "both");
    wait_for("record of the new version", async || applied().await > 100).await;
    ingest.kill().await.unwrap();
    assert!(applied().await < 3001, "the worker must be killed before the end");
    fixture.produce(3000..3300).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "both").await;
    fixture.produce(3300..3400).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    output_of(&fixture, &["status", "--wait", "--timeout", "4m"]).await;

    let status: Json = serde_json::from_str(&output_of(&fixture, &["status", "--json"]).await).unwrap();
    assert_eq!([&status["behind"], &status["lag"], &status["active"]], [0, 0, 1], "{status:#}");
    assert!((status["share"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{status:#}");
    assert_eq!(status["partitions"].as_array().unwrap().len(), usize::try_from(PARTITIONS).unwrap());
    let compared: Json = serde_json::from_str(&output_of(&fixture, &["compare", "--json"]).await).unwrap();
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

    // Workers continue to write both versions, so that a switch back leads to current tables.
    for (number, to) in [(3400, "2"), (3500, "1"), (3600, "2"), (3700, "1")] {
        let switched = output_of(&fixture, &["switch", "--to", to]).await;
        assert!(switched.contains(&format!(" to {to}; to switch back")), "{switched}");
        let before = reads.load(Ordering::Relaxed);
        wait_for("read by the reader", async || reads.load(Ordering::Relaxed) > before + 1).await;
        fixture.produce(number..number + 100).await;
    }
    ends.store(true, Ordering::Relaxed);
    assert_eq!(reader.await.unwrap(), [1, 2, 1, 2, 1]);
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;

    check_drop(&fixture, &second, ingest).await;
}

/// Drops version 2 with everything that belongs to it; the views stay.
async fn check_drop(
    fixture: &Fixture,
    second: &str,
    ingest: spanbridge_testbed::child_process::WorkerProcess,
) {
    let active = failure_of(fixture, &["drop", "--version", "1", "--yes"], 1).await;
    // Workers also run version 1, which is reported first.
    assert!(active.contains("SB-REPLAY-RUNNING"), "{active}");
    let running = failure_of(fixture, &["drop", "--version", "2", "--yes"], 1).await;
    assert!(running.contains("SB-REPLAY-RUNNING"), "{running}");
    ingest.stop(TIMEOUT).await.unwrap();
    let active = failure_of(fixture, &["drop", "--version", "1", "--yes"], 1).await;
    assert!(active.contains("SB-REPLAY-ACTIVE"), "{active}");
    let asked = failure_of(fixture, &["drop", "--version", "2"], 2).await;
    assert!(asked.contains("Orders_v2, Totals_v2 would be dropped"), "{asked}");
    let output = output_of(fixture, &["drop", "--version", "2", "--yes"]).await;
    assert!(output.contains("4 positions and 1 dead letters are deleted"), "{output}");
    for table in ["Orders_v2", "Totals_v2"] {
        assert_eq!(fixture.database.table(table).await.unwrap(), None, "{table}");
    }
    assert_eq!(fixture.database.view("Totals_v2Merged").await.unwrap(), None);
    for table in ["BridgePartitions", "BridgePositions", "BridgeDeadLetters"] {
        let columns = [("KafkaPartition".to_owned(), Type::Int64)];
        let rows = fixture.database.read_prefix(table, &columns, vec![second.into()]).await.unwrap();
        assert_eq!(rows.len(), 0, "{table}");
    }
    let rows = fixture.database.query("SELECT COUNT(*) FROM OrdersLive", &[], &[Type::Int64]).await.unwrap();
    assert_eq!(rows, [[Value::Int64(IDS)]]);
    let gone = failure_of(fixture, &["switch", "--to", "2"], 1).await;
    assert!(gone.contains("SB-REPLAY-NOT-STARTED"), "{gone}");
    // Another attempt is possible.
    let again = replay_from_now(fixture).await;
    assert!(again.contains("version 2 of"), "{again}");
}

async fn replay_from_now(fixture: &Fixture) -> String {
    let later = fixture.database.now().await.unwrap() + Duration::from_secs(3600);
    let started = output_of(fixture, &["start", "--from", &later.to_rfc3339()]).await;
    // No record is so new, so the version begins at the end.
    let status: Json = serde_json::from_str(&output_of(fixture, &["status", "--json"]).await).unwrap();
    assert_eq!([&status["lag"], &status["behind"]], [0, 0], "{status:#}");
    started
}

#[tokio::test(flavor = "multi_thread")]
async fn comparison_reports_changed_rows_and_start_beyond_the_log_is_rejected() {
    let fixture = Fixture::new(testbed().await).await;
    fixture.produce(0..300).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "first").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    ingest.stop(TIMEOUT).await.unwrap();
    let unknown = failure_of(&fixture, &["start", "--from", "earliest", "--version", "2"], 2).await;
    assert!(unknown.contains("SB-REPLAY-VERSION"), "{unknown}");

    add(&fixture, THIRD);
    let offsets = |first: i64| {
        let each = (0..PARTITIONS).map(|partition| format!("{}/{partition}={first}", fixture.topic));
        each.collect::<Vec<_>>().join(",")
    };
    let beyond = failure_of(&fixture, &["start", "--from", &offsets(999_999)], 2).await;
    assert!(beyond.contains("SB-REPLAY-FROM") && beyond.contains("beyond the end"), "{beyond}");
    let kafka = KafkaAdmin::new(&fixture.kafka, TIMEOUT).unwrap();
    kafka.delete_records(&TopicPartition::new(fixture.topic.as_str(), 0), 5).await.unwrap();
    let gone = failure_of(&fixture, &["start", "--from", &offsets(2)], 2).await;
    assert!(gone.contains("SB-REPLAY-FROM") && gone.contains("3 offsets from 2 on are gone"), "{gone}");
    let partial = failure_of(&fixture, &["start", "--from", &format!("{}/0=7", fixture.topic)], 2).await;
    assert!(partial.contains(&format!("no offset is given for {}/1", fixture.topic)), "{partial}");
    assert_eq!(
        fixture.database.table("Orders_v3").await.unwrap(),
        None,
        "a refused start must create nothing"
    );
    let absent = failure_of(&fixture, &["status"], 1).await;
    assert!(absent.contains("SB-REPLAY-NOT-STARTED"), "{absent}");

    let started = replay(&fixture, &["start", "--from", "earliest"]).await;
    assert!(started.status.success(), "{started:?}");
    let lost = String::from_utf8(started.stderr).unwrap();
    assert!(lost.contains("no longer holds its first 5 offsets"), "{lost}");
    let twice = failure_of(&fixture, &["start", "--from", "earliest"], 1).await;
    assert!(twice.contains("SB-REPLAY-STARTED") && twice.contains("add up to 5"), "{twice}");

    let mut ingest = fixture.start_ready(Service::Ingest, "both").await;
    output_of(&fixture, &["status", "--wait", "--timeout", "4m"]).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let output = replay(&fixture, &["compare", "--json", "--show-keys"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("SB-REPLAY-DIFFERENT"), "{error}");
    let compared: Json = serde_json::from_slice(&output.stdout).unwrap();
    let orders = &compared["tables"][0];
    let lost = count_lost_rows(&fixture).await;
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
    // Keys are data and not printed by default.
    let quiet: Json = serde_json::from_slice(&replay(&fixture, &["compare", "--json"]).await.stdout).unwrap();
    assert_eq!(quiet["tables"][0]["keys"], Json::Null, "{quiet:#}");
    ingest.stop(TIMEOUT).await.unwrap();
}

/// Counts the rows with ids from 10 on whose records were deleted from the log.
async fn count_lost_rows(fixture: &Fixture) -> usize {
    let columns =
        [("Id", Type::Int64), ("SourceOffset", Type::Int64)].map(|(name, ty)| (name.to_owned(), ty));
    let [all, new] = ["Orders", "Orders_v3"].map(|table| fixture.database.read_all(table, &columns, None));
    let (all, new) = (all.await.unwrap(), new.await.unwrap());
    let kept: Vec<&Value> = new.iter().map(|row| &row[0]).collect();
    let lost = all.iter().filter(|row| row[0] >= Value::Int64(10) && !kept.contains(&&row[0]));
    lost.inspect(|row| assert!(row[1] < Value::Int64(5), "{row:?} is in the log")).count()
}

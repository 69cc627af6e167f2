//! Records of one batch whose order decides: about a cascade, or about a unique index.

use spanbridge_kafka::{Admin, Message};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_testbed::child_process::Service;
use spanbridge_verify::rows;

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::shared_testbed::testbed;

/// The first batch takes all records, unless something ends it.
const PIPELINE: &str = r#"
[[ingest]]
name = "family-{id}"
topics = ["family-{id}"]
value = { format = "json" }
batch = { max_records = 15, max_wait = "10s" }
[[ingest.table]]
table = "Parents"
where = "value.kind == 'parent'"
delete_when = "value.deleted"
columns = { P = "value.id" }
[[ingest.table]]
table = "Children"
where = "value.kind == 'child'"
columns = { P = "value.of", C = "value.id" }
[[ingest.table]]
table = "Authors"
where = "value.kind == 'author'"
delete_when = "value.deleted"
columns = { Id = "value.id" }
[[ingest.table]]
table = "Notes"
where = "value.kind == 'note'"
columns = { Id = "value.id", Author = "value.of" }
[[ingest.table]]
table = "Codes"
where = "value.kind == 'code'"
delete_when = "value.deleted"
columns = { Id = "value.id", Code = "value.of" }
"#;

const DDL: [&str; 6] = [
    "CREATE TABLE Parents (P INT64 NOT NULL) PRIMARY KEY (P)",
    "CREATE TABLE Children (P INT64 NOT NULL, C INT64 NOT NULL) PRIMARY KEY (P, C),
        INTERLEAVE IN PARENT Parents ON DELETE CASCADE",
    "CREATE TABLE Authors (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE TABLE Notes (Id INT64 NOT NULL, Author INT64,
        FOREIGN KEY (Author) REFERENCES Authors (Id) ON DELETE CASCADE) PRIMARY KEY (Id)",
    "CREATE TABLE Codes (Id INT64 NOT NULL, Code INT64) PRIMARY KEY (Id)",
    "CREATE UNIQUE INDEX CodesByCode ON Codes (Code)",
];

/// The kind, the id, the parent or the code, and whether the row is deleted.
type Entry = (&'static str, i64, i64, bool);

const ENTRIES: [Entry; 15] = [
    ("parent", 1, 0, false),
    ("child", 1, 1, false),
    ("author", 2, 0, false),
    ("note", 1, 2, false),
    // The deletes take the child and the note with them.
    ("parent", 1, 0, true),
    ("author", 2, 0, true),
    ("parent", 1, 0, false),
    ("child", 2, 1, false),
    ("code", 1, 10, false),
    // The code 10 moves from row 1 to row 2.
    ("code", 1, 20, false),
    ("code", 2, 10, false),
    ("code", 9, 0, true),
    // Row 1 holds the code 20. The later delete of row 1 must not free it for this record.
    ("code", 3, 20, false),
    ("code", 1, 0, true),
    ("code", 4, 20, false),
];

/// The offset of the record whose code is taken.
const TAKEN: i64 = 12;

/// The last offset of each commit: those before a cut, and those around the dead letter.
const COMMITS: [i64; 6] = [3, 8, 10, 11, TAKEN, 14];

fn message(fixture: &Fixture, (kind, id, of, deleted): Entry) -> Message {
    let value = format!(r#"{{"kind": "{kind}", "id": {id}, "of": {of}, "deleted": {deleted}}}"#);
    Message::new(format!("family-{}", fixture.id)).with_partition(0).with_value(value.into_bytes())
}

async fn rows_of(fixture: &Fixture, table: &str) -> Vec<Vec<Value>> {
    let table = fixture.database.table(table).await.unwrap().unwrap();
    rows::read(&fixture.database, &table).await.unwrap().into_values().collect()
}

#[tokio::test]
async fn batch_equals_its_records_one_by_one() {
    let testbed = testbed().await;
    let choices = FixtureOptions { pipelines: PIPELINE, ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    fixture.admin.update_ddl(&DDL.map(str::to_owned)).await.unwrap();
    let topic = format!("family-{}", fixture.id);
    Admin::new(&fixture.kafka, TIMEOUT).unwrap().ensure_topic(&topic, 1, 1, &[]).await.unwrap();
    let messages: Vec<_> = ENTRIES.into_iter().map(|entry| message(&fixture, entry)).collect();
    fixture.send(&messages).await;

    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let pipeline = format!("family-{}", fixture.id);
    let end = COMMITS[COMMITS.len() - 1] + 1;
    wait_for("last position", async || {
        ingest.check_running().unwrap();
        let positions = spanbridge_verify::positions::read(&fixture.database, &pipeline).await;
        positions.is_ok_and(|found| found.get(&(topic.clone(), 0)) == Some(&vec![end]))
    })
    .await;

    let row = |values: &[i64]| values.iter().map(|&value| value.into()).collect::<Vec<Value>>();
    assert_eq!(rows_of(&fixture, "Parents").await, [row(&[1])]);
    assert_eq!(rows_of(&fixture, "Children").await, [row(&[1, 2])]);
    for empty in ["Authors", "Notes"] {
        assert_eq!(rows_of(&fixture, empty).await, [] as [Vec<Value>; 0], "{empty}");
    }
    assert_eq!(rows_of(&fixture, "Codes").await, [row(&[2, 10]), row(&[4, 20])]);
    let offset = [("KafkaOffset".to_owned(), Type::Int64)];
    let dead_letters =
        fixture.database.read_prefix("BridgeDeadLetters", &offset, vec![pipeline.as_str().into()]).await;
    assert_eq!(dead_letters.unwrap(), [row(&[TAKEN])]);
    let labels = [format!("pipeline=\"{pipeline}\""), "outcome=\"committed\"".to_owned()];
    let metrics = ingest.metrics().await.unwrap();
    let commits = metrics.sum("spanbridge_ingest_commits_total", &[&labels[0], &labels[1]]);
    assert_eq!(commits, COMMITS.len() as f64, "{}", ingest.log_tail());
}

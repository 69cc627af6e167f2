//! `final`: windows that the watermark has passed are marked, also with a slow partition and late records.

use std::collections::BTreeMap;

use spanbridge_kafka::{Admin, Message};
use spanbridge_protocol::value::Value;
use spanbridge_testbed::child_process::Service;
use spanbridge_verify::rows;

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::shared_testbed::testbed;

/// Two pipelines: one waits for its slower partition, the other does not.
const PIPELINES: &str = r#"
[[ingest]]
name = "held-{id}"
topics = ["clicks-{id}"]
value = { format = "json" }
batch = { max_wait = "20ms" }
watermark = { idle = "1d" }
[[ingest.table]]
table = "Held"
group_by = { Visitor = "value.visitor" }
window = { kind = "tumbling", size = "1m", time = "timestamp(value.at)", start = "WindowStart", final = "Closed" }
aggregates = { Clicks = "count()" }

[[ingest]]
name = "free-{id}"
topics = ["clicks-{id}"]
value = { format = "json" }
batch = { max_wait = "20ms" }
watermark = { idle = "1s" }
[[ingest.table]]
table = "Free"
group_by = { Visitor = "value.visitor" }
window = { kind = "tumbling", size = "1m", time = "timestamp(value.at)", start = "WindowStart", final = "Closed" }
aggregates = { Clicks = "count()" }
[[ingest.table]]
table = "Visits"
ownership = "shared"
group_by = { Visitor = "value.visitor" }
window = { kind = "session", gap = "30s", time = "timestamp(value.at)", start = "StartedAt", end = "EndedAt", final = "Closed" }
aggregates = { Clicks = "count()" }
"#;

fn ddl() -> Vec<String> {
    let minutes = |name: &str| {
        format!(
            "CREATE TABLE {name} (
                Visitor STRING(9) NOT NULL, WindowStart TIMESTAMP NOT NULL, SourcePartition INT64 NOT NULL, Clicks INT64,
                Closed BOOL NOT NULL DEFAULT (FALSE)
             ) PRIMARY KEY (Visitor, WindowStart, SourcePartition)"
        )
    };
    let visits = "CREATE TABLE Visits (
            Visitor STRING(9) NOT NULL, EndedAt TIMESTAMP NOT NULL, StartedAt TIMESTAMP NOT NULL, Clicks INT64,
            Closed BOOL NOT NULL DEFAULT (FALSE)
         ) PRIMARY KEY (Visitor, EndedAt)";
    vec![minutes("Held"), minutes("Free"), visits.to_owned()]
}

struct Clicks {
    fixture: Fixture,
    topic: String,
}

impl Clicks {
    async fn new() -> Self {
        let testbed = testbed().await;
        let choices = FixtureOptions { pipelines: PIPELINES, ..FixtureOptions::default() };
        let fixture =
            Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
        fixture.admin.update_ddl(&ddl()).await.unwrap();
        let topic = format!("clicks-{}", fixture.id);
        Admin::new(&fixture.kafka, TIMEOUT).unwrap().ensure_topic(&topic, 2, 1, &[]).await.unwrap();
        Self { fixture, topic }
    }

    /// Applies the DDL that `plan` prints for a pipeline, and returns it.
    fn plan(&self, pipeline: &str) -> String {
        let pipeline = format!("{pipeline}-{}", self.fixture.id);
        let output = self.fixture.command(&["plan", "--apply", "--pipeline", &pipeline]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sends one click at each of these seconds.
    async fn send(&self, partition: i32, seconds: &[i64]) {
        let message = |second: &i64| Message {
            partition: Some(partition),
            ..Message::new(self.topic.as_str()).with_value(
                format!(
                    r#"{{"visitor": "v", "at": "2026-01-01T00:{:02}:{:02}Z"}}"#,
                    second / 60,
                    second % 60
                )
                .into_bytes(),
            )
        };
        self.fixture.send(&seconds.iter().map(message).collect::<Vec<_>>()).await;
    }

    /// Returns, by partition and start in seconds, the clicks of each window and whether it is final.
    async fn minutes(&self, table: &str) -> BTreeMap<(i64, i64), (i64, bool)> {
        let rows = self.rows(table).await;
        let window = |row: &Vec<Value>| {
            let [_, start, Value::Int64(partition), Value::Int64(clicks), Value::Bool(closed)] = &row[..]
            else {
                panic!("{row:?}")
            };
            ((*partition, second(start)), (*clicks, *closed))
        };
        rows.iter().map(window).collect()
    }

    /// Returns the first and last second of each session, its clicks, and whether it is final.
    async fn visits(&self) -> Vec<(i64, i64, i64, bool)> {
        let rows = self.rows("Visits").await;
        let session = |row: &Vec<Value>| {
            let [_, end, start, Value::Int64(clicks), Value::Bool(closed)] = &row[..] else {
                panic!("{row:?}")
            };
            (second(start), second(end), *clicks, *closed)
        };
        rows.iter().map(session).collect()
    }

    async fn rows(&self, table: &str) -> Vec<Vec<Value>> {
        let table = self.fixture.database.table(table).await.unwrap().unwrap();
        rows::read(&self.fixture.database, &table).await.unwrap().into_values().collect()
    }
}

/// Returns the seconds since the beginning of the first click's hour.
fn second(value: &Value) -> i64 {
    let Value::Timestamp(at) = value else { panic!("{value:?}") };
    at.timestamp().rem_euclid(3600)
}

#[tokio::test]
async fn windows_become_final_after_the_watermark() {
    let clicks = Clicks::new().await;
    let mut refused = clicks.fixture.start(Service::Ingest, "refused");
    // The pipelines without windows run on.
    wait_for("stop of both pipelines", async || {
        refused.check_running().unwrap();
        refused.status().await.is_ok_and(|status| status.matches("stopped: ").count() == 2)
    })
    .await;
    let status = refused.status().await.unwrap();
    assert!(status.contains("SB-MAPPING-INDEX"), "{status}");
    refused.kill().await.unwrap();
    for pipeline in ["held", "free"] {
        let printed = clicks.plan(pipeline);
        assert!(printed.contains("ByClosed") && printed.contains("LOGICAL_AND"), "{printed}");
        assert_eq!(clicks.plan(pipeline), "");
    }

    let mut ingest = clicks.fixture.start_ready(Service::Ingest, "ingest").await;
    clicks.send(1, &[10]).await;
    clicks.send(0, &[0, 20, 70, 100, 130]).await;
    wait_for("final windows", async || {
        ingest.check_running().unwrap();
        let closed = [((0, 0), (2, true)), ((0, 60), (2, true)), ((0, 120), (1, false)), ((1, 0), (1, true))];
        let visits = [(0, 20, 3, true), (70, 130, 3, false)];
        clicks.minutes("Free").await == closed.into() && clicks.visits().await == visits
    })
    .await;
    // The slower partition has reached second 10.
    let open = [((0, 0), (2, false)), ((0, 60), (2, false)), ((0, 120), (1, false)), ((1, 0), (1, false))];
    wait_for("windows that are held open", async || {
        ingest.check_running().unwrap();
        clicks.minutes("Held").await == open.into()
    })
    .await;

    // Late clicks change final windows, and join final sessions.
    clicks.send(0, &[45, 200]).await;
    clicks.send(1, &[121]).await;
    wait_for("late clicks", async || {
        ingest.check_running().unwrap();
        let held = [
            ((0, 0), (3, true)),
            ((0, 60), (2, true)),
            ((0, 120), (1, false)),
            ((0, 180), (1, false)),
            ((1, 0), (1, true)),
            ((1, 120), (1, false)),
        ];
        let free = held.map(|(key, (clicks, closed))| (key, (clicks, closed || key.1 == 120)));
        let visits = [(0, 130, 8, true), (200, 200, 1, false)];
        clicks.minutes("Held").await == held.into()
            && clicks.minutes("Free").await == free.into()
            && clicks.visits().await == visits
    })
    .await;
}

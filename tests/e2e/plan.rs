//! `plan` turns an empty database and a registered schema into tables that ingest can fill.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use spanbridge_kafka::{Admin as KafkaAdmin, ClientOptions, Producer};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::{AvroSchema, Registry};
use spanbridge_spanner::{Admin, Database, Options};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use tempfile::TempDir;

use super::fixture::{PARTITIONS, TIMEOUT, command, prepare_database, wait_for};
use super::orders::{Order, SCHEMA};
use super::shared_testbed::testbed;

const RECORDS: i64 = 600;

/// An empty database, a topic and its schema.
struct EmptyDatabase {
    kafka: ClientOptions,
    options: Options,
    database: Database,
    topic: String,
    schema: (u32, AvroSchema),
    rest: String,
    pipeline: String,
    folder: TempDir,
    config: PathBuf,
}

impl EmptyDatabase {
    async fn new() -> Self {
        let testbed = testbed().await;
        let (kafka, spanner) = (testbed.kafka().unwrap(), testbed.spanner().unwrap());
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let (options, admin) = prepare_database([spanner.grpc(), spanner.rest()], &format!("p{id}")).await;
        admin.create_database(&[]).await.unwrap();
        let database = Database::connect(&options).await.unwrap();
        let topic = format!("planned-{id}");
        let client = ClientOptions::new(kafka.bootstrap(), "test");
        let topics = KafkaAdmin::new(&client, TIMEOUT).unwrap();
        topics.ensure_topic(&topic, PARTITIONS, 1, &[]).await.unwrap();
        let url = testbed.registry().unwrap().url();
        let registry = Registry::connect(spanbridge_schema::RegistryOptions::new(url)).unwrap();
        let schema = AvroSchema::parse(SCHEMA).unwrap();
        let schema_id = registry.register(&format!("{topic}-value"), &schema).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("planned.toml");
        let pipeline = format!("planned-{id}");
        let (bootstrap, grpc, name) = (kafka.bootstrap(), spanner.grpc(), &options.database);
        let text = format!(
            r#"[kafka]
bootstrap_servers = "{bootstrap}"
[spanner]
database = "{name}"
emulator_host = "{grpc}"
[registry]
url = "{url}"
[[ingest]]
name = "{pipeline}"
topics = ["{topic}"]
key = {{ format = "string" }}
batch = {{ max_wait = "20ms" }}
[[ingest.table]]
table = "Orders"
columns = {{ Id = "value.id", Customer = "value.customer", Amount = "value.amount", Key = "key" }}
[[ingest.table]]
table = "Totals"
group_by = {{ Customer = "value.customer" }}
window = {{ kind = "tumbling", size = "1h", time = "value.at", start = "WindowStart" }}
[ingest.table.aggregates]
Records = "count()"
AmountSum = "sum(value.amount)"
AmountMax = "max(value.amount)"
Mean = "avg(value.amount)"
Newest = "last(value.id)"
[[publish]]
name = "{pipeline}"
change_stream = "OrdersStream"
tables = ["Orders"]
"#
        );
        std::fs::write(&config, text).unwrap();
        let schema = (schema_id, schema);
        let rest = spanner.rest().to_owned();
        Self { kafka: client, options, database, topic, schema, rest, pipeline, folder, config }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command(arguments, &self.config, &self.rest)
    }

    /// Runs a command that must succeed, and returns its standard output.
    fn output_of(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn produce(&self, orders: &[Order]) {
        let producer = Producer::new(&self.kafka, TIMEOUT).unwrap();
        for order in orders {
            producer.send(&order.message(&self.topic, self.schema.0, &self.schema.1)).await.unwrap();
        }
        producer.flush().await.unwrap();
    }

    async fn query(&self, sql: &str, columns: &[Type]) -> Vec<Vec<Value>> {
        self.database.query(sql, &[], columns).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_database_accepts_the_records_and_its_view_merges_partitions() {
    let fixture = EmptyDatabase::new().await;
    // Without a primary key, nothing is planned.
    let refused = fixture.run(&["plan", "--apply"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-PLAN-KEY") && text.contains("planned.toml:14:9"), "{text}");

    let plan = ["plan", "--key", "Orders=Id"];
    let printed = fixture.output_of(&plan);
    for part in [
        "CREATE TABLE `Orders`",
        "CREATE TABLE `Totals`",
        "VIEW `TotalsMerged`",
        "CREATE CHANGE STREAM `OrdersStream` FOR `Orders`",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    assert_eq!(
        fixture.database.table("Orders").await.unwrap(),
        None,
        "printing must not change the database"
    );
    assert_eq!(fixture.output_of(&["plan", "--key", "Orders=Id", "--apply"]), printed);
    // Everything exists, so a second plan is empty.
    assert_eq!(fixture.output_of(&["plan"]), "");
    fixture.output_of(&["migrate"]);

    let checked = fixture.output_of(&["check", "--live", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked).unwrap();
    let findings = checked[0]["findings"].as_array().unwrap();
    let found: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    // A timestamp may have a year out of range, and the customer is not the record key.
    assert_eq!(found, ["SB-CHECK-TYPE", "SB-CHECK-PARTITIONS"], "{checked:#}");
    assert_eq!(checked[1]["findings"], serde_json::json!([]), "{checked:#}");

    let orders: Vec<Order> = (0..RECORDS).map(Order::numbered).collect();
    fixture.produce(&orders).await;
    let setup = WorkerSetup {
        executable: env!("CARGO_BIN_EXE_spanbridge").into(),
        config: fixture.config.clone(),
        folder: fixture.folder.path().to_owned(),
        environment: Vec::new(),
    };
    let mut worker = WorkerProcess::start(&setup, Service::Ingest, "planned").unwrap();
    wait_for("record applied", async || {
        worker.check_running().unwrap();
        let positions = spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline).await;
        positions.is_ok_and(|positions| {
            spanbridge_verify::positions::count_applied(&positions) >= RECORDS.unsigned_abs()
        })
    })
    .await;

    let partitions =
        fixture.query("SELECT COUNT(DISTINCT SourcePartition) FROM Totals", &[Type::Int64]).await;
    assert_eq!(
        partitions,
        [[Value::Int64(PARTITIONS.into())]],
        "there are no rows of several partitions to merge"
    );
    let mut expected: BTreeMap<(String, i64), Vec<&Order>> = BTreeMap::new();
    for order in &orders {
        expected.entry((order.customer.clone(), order.at - order.at % 3600)).or_default().push(order);
    }
    let rows = fixture
        .query(
            "SELECT Customer, UNIX_SECONDS(WindowStart), Records, AmountSum, AmountMax,
                    CAST(MeanSum AS INT64), MeanCount, Mean = MeanSum / MeanCount, Newest, UNIX_SECONDS(NewestAt)
             FROM TotalsMerged ORDER BY Customer, WindowStart",
            &[
                Type::String,
                Type::Int64,
                Type::Int64,
                Type::Int64,
                Type::Int64,
                Type::Int64,
                Type::Int64,
                Type::Bool,
                Type::Int64,
                Type::Int64,
            ],
        )
        .await;
    let expected: Vec<Vec<Value>> = expected
        .into_iter()
        .map(|((customer, start), orders)| {
            let amounts: Vec<i64> = orders.iter().filter_map(|order| order.amount).collect();
            let count = |items: usize| Value::Int64(i64::try_from(items).unwrap());
            let newest = orders.iter().max_by_key(|order| order.at).unwrap();
            let sum = Value::Int64(amounts.iter().sum());
            vec![
                customer.into(),
                start.into(),
                count(orders.len()),
                sum.clone(),
                amounts.iter().copied().max().into(),
                sum,
                count(amounts.len()),
                Value::Bool(true),
                newest.id.into(),
                newest.at.into(),
            ]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn mismatches_are_reported_before_the_pipeline_runs() {
    let fixture = EmptyDatabase::new().await;
    let admin = Admin::connect(&fixture.options).await.unwrap();
    let ddl = [
        "CREATE TABLE Orders (Id DATE NOT NULL, Customer STRING(9), Amount INT64 NOT NULL, Key STRING(MAX)) \
         PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM OrdersStream FOR ALL",
    ];
    admin.update_ddl(&ddl.map(str::to_owned)).await.unwrap();
    // The file alone has no mistake.
    let mut text = std::fs::read_to_string(&fixture.config).unwrap();
    text.push_str("exclude_columns = [\"Orders.Amnt\", \"Orders.Amount\"]\n");
    std::fs::write(&fixture.config, &text).unwrap();
    fixture.output_of(&["check"]);
    let output = fixture.run(&["check", "--live", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let checked: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = checked[0]["findings"].as_array().unwrap();
    let of = |finding: &serde_json::Value| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        (text("code"), text("severity"), finding["line"].as_u64().unwrap())
    };
    let found: Vec<(String, String, u64)> = findings.iter().map(of).collect();
    let expected = [
        ("SB-MAPPING-TABLE", "error", 17),
        ("SB-CHECK-TYPE", "error", 15),
        ("SB-CHECK-LENGTH", "warning", 15),
        ("SB-CHECK-NULL", "warning", 15),
        ("SB-CHECK-PARTITIONS", "note", 17),
    ];
    assert_eq!(found, expected.map(|(code, severity, line)| (code.to_owned(), severity.to_owned(), line)));
    let last = u64::try_from(text.lines().count()).unwrap();
    let found: Vec<_> = checked[1]["findings"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(found, [("SB-CHECK-NAME".to_owned(), "warning".to_owned(), last)]);
    let printed = String::from_utf8(fixture.run(&["check", "--live"]).stderr).unwrap();
    assert!(printed.contains("planned.toml:15:") && printed.contains("SB-CHECK-LENGTH"), "{printed}");
}

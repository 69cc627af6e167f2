//! `check --ddl` previews the impact of statements before they are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use spanbridge_kafka::{Admin as KafkaAdmin, ClientOptions};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_spanner::{Admin, CommitOptions, Database, ErrorKind, Options};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use tempfile::TempDir;

use super::fixture::{TIMEOUT, command, wait_for};
use super::shared_testbed::testbed;

const ORDERS: &str = "CREATE TABLE Orders (
    Id INT64 NOT NULL, Customer STRING(12) NOT NULL, Amount INT64, Gone STRING(9) NOT NULL) PRIMARY KEY (Id)";
const OTHER: &str = "CREATE TABLE Other (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)";

/// A database in a separate instance, and a configuration file with publish pipelines.
struct DdlFixture {
    id: String,
    options: Options,
    admin: Admin,
    database: Database,
    kafka: ClientOptions,
    registry: String,
    rest: String,
    folder: TempDir,
    config: PathBuf,
}

impl DdlFixture {
    /// Creates a fixture. In the pipelines, `{id}` is its id and `{start}` is the current timestamp.
    async fn new(ddl: &[&str], pipelines: &str) -> Self {
        Self::with(ddl, pipelines, false).await
    }

    /// Creates a fixture with one table, which one pipeline publishes.
    async fn of_orders() -> Self {
        let pipeline = "[[publish]]\nname = \"p-{id}\"\n\
            change_stream = \"Stream\"\ncreate_topics = { partitions = 1, replication_factor = 1 }\n";
        Self::new(&[ORDERS, "CREATE CHANGE STREAM Stream FOR ALL"], pipeline).await
    }

    async fn with(ddl: &[&str], pipelines: &str, postgres: bool) -> Self {
        let testbed = testbed().await;
        let (kafka, spanner) = (testbed.kafka().unwrap(), testbed.spanner().unwrap());
        let registry = testbed.registry().unwrap().url().to_owned();
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let name = format!("projects/test/instances/i{id}/databases/live");
        let options = Options::emulator(name, spanner.grpc(), spanner.rest());
        let admin = Admin::connect(&options).await.unwrap();
        admin.create_instance().await.unwrap();
        let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
        match postgres {
            true => admin.create_postgres_database(&ddl).await.unwrap(),
            false => admin.create_database(&ddl).await.unwrap(),
        }
        let database = Database::connect(&options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bridge.toml");
        let (bootstrap, grpc, name) = (kafka.bootstrap(), spanner.grpc(), &options.database);
        let start = database.now().await.unwrap().to_rfc3339();
        let pipelines = pipelines.replace("{id}", &id).replace("{start}", &start);
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[spanner]\ndatabase = \"{name}\"\n\
             emulator_host = \"{grpc}\"\n[registry]\nurl = \"{registry}\"\n{pipelines}"
        );
        std::fs::write(&config, text).unwrap();
        let (kafka, rest) = (ClientOptions::new(bootstrap, "test"), spanner.rest().to_owned());
        Self { id, options, admin, database, kafka, registry, rest, folder, config }
    }

    fn worker(&self, name: &str) -> WorkerProcess {
        let setup = WorkerSetup {
            executable: env!("CARGO_BIN_EXE_spanbridge").into(),
            config: self.config.clone(),
            folder: self.folder.path().to_owned(),
            environment: Vec::new(),
        };
        WorkerProcess::start(&setup, Service::Publish, name).unwrap()
    }

    /// Registers the current schemas of the tables.
    async fn register_schemas(&self) {
        let mut worker = self.worker("registering");
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        worker.stop(TIMEOUT).await.unwrap();
    }

    /// Sets the compatibility rule of a subject.
    async fn set_compatibility(&self, subject: &str, rule: &str) {
        let url = format!("{}/config/{subject}", self.registry);
        let answer =
            reqwest::Client::new().put(url).json(&json!({ "compatibility": rule })).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    fn write_ddl(&self, ddl: &str) -> PathBuf {
        let path = self.folder.path().join("next.sql");
        std::fs::write(&path, ddl).unwrap();
        path
    }

    fn check(&self, ddl: &str, more: &[&str]) -> Output {
        let path = self.write_ddl(ddl);
        let arguments = [&["check", "--ddl", path.to_str().unwrap()], more].concat();
        command(&arguments, &self.config, &self.rest)
    }

    /// Checks the statements, and returns the JSON report. No database may be left behind.
    async fn report(&self, code: i32, ddl: &str) -> Json {
        let output = self.check(ddl, &["--json"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(self.databases().await, ["live"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn databases(&self) -> Vec<String> {
        let url = format!("http://{}/v1/projects/test/instances/i{}/databases", self.rest, self.id);
        let answer: Json = reqwest::get(url).await.unwrap().json().await.unwrap();
        let databases = answer["databases"].as_array().unwrap().iter();
        let name =
            |database: &Json| database["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        databases.map(name).collect()
    }

    async fn insert(&self, columns: &[&str], row: Vec<Value>) {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let write = Write::Insert;
        let mutation = Mutation { write, table: "Orders".into(), columns: columns.into(), rows: vec![row] };
        wait_for("commit", async || {
            match self.database.commit(vec![mutation.clone()], CommitOptions::default()).await {
                Err(error) if error.kind() == ErrorKind::Aborted => false,
                outcome => outcome.is_ok(),
            }
        })
        .await;
    }
}

/// Returns the line, severity and code of each finding in one part of the report.
fn findings(part: &Json) -> Vec<(u64, &str, &str)> {
    let findings = part["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap();
            (finding["line"].as_u64().unwrap(), text("severity"), text("code"))
        })
        .collect()
}

/// Returns the message of the only finding in a line.
fn message(part: &Json, line: u64) -> &str {
    let mut of = part["findings"].as_array().unwrap().iter().filter(|finding| finding["line"] == line);
    let message = of.next().unwrap()["message"].as_str().unwrap();
    assert!(of.next().is_none(), "line {line} has more than one: {part:#}");
    message
}

fn effects(answer: &Json) -> Vec<&str> {
    let statements = answer.as_array().unwrap().last().unwrap()["statements"].as_array().unwrap();
    statements.iter().map(|statement| statement["effect"].as_str().unwrap()).collect()
}

const NONE: &str = "no effect on what is published";
const CHANGES: &str = "changes what is published; see above";

/// Three pipelines over the same tables: one stops, one has dead letters, and one has no schemas.
const THREE_PIPELINES: &str = "[[publish]]\nname = \"row-{id}\"\nchange_stream = \"Stream\"\nenvelope = \"row\"\n\
    tables = [\"Orders\", \"Fresh*\"]\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\nstart = \"{start}\"\n\
    [[publish]]\nname = \"letters-{id}\"\nchange_stream = \"Stream\"\nenvelope = \"row\"\n\
    tables = [\"Orders\", \"Fresh*\"]\non_incompatible_schema = \"dead-letter\"\nvalue = { format = \"json-schema\", subject = \"topic-record-name\" }\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n\
    [[publish]]\nname = \"plain-{id}\"\nchange_stream = \"Stream\"\ntables = [\"Orders\"]\n\
    key = { format = \"json\" }\nvalue = { format = \"json\" }\n\
    create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn statement_predicted_to_stop_a_pipeline_stops_it() {
    let stream = "CREATE CHANGE STREAM Stream FOR ALL OPTIONS (value_capture_type = 'NEW_ROW')";
    let fixture = DdlFixture::new(&[ORDERS, OTHER, stream], THREE_PIPELINES).await;
    fixture.register_schemas().await;
    let id = &fixture.id;
    let subject = format!("row-{id}.Orders-value");
    fixture.set_compatibility(&subject, "FULL").await;

    // These statements change schemas compatibly.
    let answer = fixture
        .report(
            0,
            "-- The next release; of which\n\
             ALTER TABLE Orders ADD COLUMN Note STRING(MAX); CREATE INDEX ByCustomer ON Orders(Customer);\n\
             ALTER TABLE Orders ALTER COLUMN Customer STRING(64) NOT NULL;\n\
             ALTER DATABASE live SET OPTIONS (version_retention_period = '2h');\n\
             CREATE TABLE Fresh (Id INT64 NOT NULL) PRIMARY KEY (Id);",
        )
        .await;
    assert_eq!(effects(&answer)[..3], [CHANGES, NONE, NONE]);
    assert!(effects(&answer)[3].starts_with("not tried"), "{answer:#}");
    assert_eq!(effects(&answer)[4], CHANGES);
    let change = |line| (line, "note", "SB-CHECK-CHANGE");
    assert_eq!(findings(&answer[0]), [change(2), change(5)], "{answer:#}");
    assert_eq!(
        message(&answer[0], 2),
        format!(
            "table `Orders`: column `Note` STRING is added; subject {subject} (FULL) accepts its new schema"
        )
    );
    assert!(
        message(&answer[0], 5)
            .starts_with(&format!("table `Fresh`: it is published to topic `row-{id}.Fresh`"))
    );
    let letters = format!("subject letters-{id}.Orders-Orders.Value (BACKWARD)");
    assert!(message(&answer[1], 2).contains(&letters), "{answer:#}");
    assert_eq!(findings(&answer[2]), [change(2)], "the table is not one of `tables`: {answer:#}");
    assert_eq!(answer[1]["subjects"][0]["value"], format!("letters-{id}.Orders-Orders.Value"));
    assert_eq!(answer[2]["subjects"][0]["value"], Json::Null);

    // These do not: under FULL a column that readers need must stay, and no rule lets a number become a text.
    let ddl = "ALTER TABLE Orders DROP COLUMN Gone;\nALTER TABLE Orders DROP COLUMN Amount;\n\
               ALTER TABLE Orders ADD COLUMN Amount STRING(MAX);\n";
    let answer = fixture.report(1, ddl).await;
    let stop = |line| (line, "error", "SB-PUBLISH-SCHEMA");
    assert_eq!(findings(&answer[0])[0], stop(1), "{answer:#}");
    assert_eq!(findings(&answer[0]).last(), Some(&stop(3)), "{answer:#}");
    let told = message(&answer[0], 1);
    let refused = format!(
        "table `Orders`: column `Gone` is no longer published; subject {subject} (FULL) rejects its new schema: "
    );
    assert!(told.starts_with(&refused) && told.contains("(field Gone)"), "{told}");
    assert!(
        told.contains(&format!("publish row-{id} would stop at the first change that needs it")),
        "{told}"
    );
    assert_eq!(findings(&answer[1]).last(), Some(&stop(3)), "{answer:#}");
    let told = message(&answer[1], 3);
    assert!(told.contains(&format!("would become dead letters in `letters-{id}.dead-letters`")), "{told}");
    assert_eq!(findings(&answer[2]), [change(1), change(2), change(3)], "{answer:#}");
    let shown = String::from_utf8(fixture.check(ddl, &[]).stderr).unwrap();
    assert!(shown.contains("next.sql:3:1") && shown.contains("SB-CHECK-FAILED"), "{shown}");

    // The prediction is right. The check has registered nothing and changed nothing.
    assert_eq!(fixture.database.table("Orders").await.unwrap().unwrap().columns.len(), 4);
    let mut worker = fixture.worker("stopping");
    worker.wait_until_ready(TIMEOUT).await.unwrap();
    let statements: Vec<String> = ddl.lines().map(|line| line.trim_end_matches(';').to_owned()).collect();
    fixture.admin.apply_ddl(&statements).await.unwrap();
    fixture.insert(&["Id", "Customer", "Amount"], vec![1.into(), "c".into(), "text".into()]).await;
    wait_for("exit of the worker", async || worker.exit_status().unwrap().is_some()).await;
    assert_eq!(worker.exit_status().unwrap().unwrap().code(), Some(1), "{}", worker.log_tail());
    assert!(worker.log_tail().contains("SB-PUBLISH-SCHEMA"), "{}", worker.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_tables_and_streams_are_reported() {
    let pipelines = "[[publish]]\nname = \"named-{id}\"\nchange_stream = \"Stream\"\ntables = [\"Orders\"]\n\
        create_topics = { partitions = 1, replication_factor = 1 }\nshards = 1\n\
        [[publish]]\nname = \"all-{id}\"\nchange_stream = \"Every\"\ntables = [\"Orders\", \"*\"]\nexclude_columns = [\"*.Secret\"]\nshards = 1\n";
    let streams = ["CREATE CHANGE STREAM Stream FOR Orders, Other", "CREATE CHANGE STREAM Every FOR ALL"];
    let fixture = DdlFixture::new(&[ORDERS, OTHER, streams[0], streams[1]], pipelines).await;
    let topics = KafkaAdmin::new(&fixture.kafka, TIMEOUT).unwrap();
    for table in ["Orders", "Other"] {
        topics.ensure_topic(&format!("all-{}.{table}", fixture.id), 1, 1, &[]).await.unwrap();
    }
    fixture.register_schemas().await;
    let key = format!("all-{}.Orders-key", fixture.id);
    fixture.set_compatibility(&key, "FULL").await;
    let stop = |line| (line, "error", "SB-PUBLISH-STREAM");

    let answer = fixture
        .report(
            1,
            "ALTER CHANGE STREAM Stream SET FOR Other;\n\
             DROP TABLE Orders;\n\
             CREATE TABLE Orders (Customer STRING(12) NOT NULL, Id INT64) PRIMARY KEY (Customer);\n\
             CREATE TABLE Fresh (Id INT64 NOT NULL, Secret INT64) PRIMARY KEY (Id);\n\
             DROP CHANGE STREAM Every;\n\
             CREATE CHANGE STREAM Every FOR ALL",
        )
        .await;
    let [named, all] = [&answer[0], &answer[1]];
    assert_eq!(findings(named)[0], stop(1), "{answer:#}");
    assert!(named["findings"][0]["message"].as_str().unwrap().contains("does not watch table `Orders`"));
    let told = message(all, 2);
    assert_eq!(told, "table `Orders` no longer exists");
    // The new table has another key schema.
    let told = message(all, 3);
    assert!(told.contains(&format!("subject {key} (FULL) rejects its new schema")), "{told}");
    let of_fresh = findings(all).into_iter().filter(|(line, ..)| *line == 4).map(|(.., code)| code);
    assert_eq!(of_fresh.collect::<Vec<_>>(), ["SB-PUBLISH-CONFIG", "SB-CHECK-CHANGE"], "{answer:#}");
    assert_eq!(
        findings(all).last(),
        Some(&stop(5)),
        "a new stream of the same name is another stream: {answer:#}"
    );
    assert!(message(all, 5).contains("change stream Every no longer exists"), "{answer:#}");

    // Spanner refuses to drop a table that a change stream names.
    let answer = fixture
        .report(1, "CREATE INDEX I ON Other(V);\nDROP INDEX I;\n\n  DROP TABLE Other;\nDROP TABLE Orders")
        .await;
    assert_eq!(findings(&answer[2]), [(4, "error", "SB-CHECK-DDL")], "{answer:#}");
    assert_eq!(answer[2]["statements"].as_array().unwrap().len(), 3, "{answer:#}");
    assert_eq!((findings(&answer[0]).len(), findings(&answer[1]).len()), (0, 0), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_statement_is_reported_at_its_position() {
    let fixture = DdlFixture::of_orders().await;
    let ddl = "/* two\nlines */ ALTER TABLE Orders ADD COLUMN A INT64;\nALTER TABLE Orders\n  ADD COLUM # of what?\n  B INT64;";
    let answer = fixture.report(1, ddl).await;
    let [finding] = &answer[1]["findings"].as_array().unwrap()[..] else {
        panic!("not one finding: {answer:#}")
    };
    assert_eq!(
        (&finding["code"], &finding["file"]),
        (&json!("SB-CHECK-DDL"), &json!(fixture.write_ddl(ddl).to_str().unwrap()))
    );
    // The position is that of Spanner's message; a comment does not shift it.
    let at = (finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap());
    assert_eq!(at, (5, 5), "{answer:#}");
    assert_eq!(
        findings(&answer[0]),
        [(2, "note", "SB-CHECK-CHANGE")],
        "the statements before it were tried: {answer:#}"
    );

    // An unterminated quotation is reported before a database is created.
    let output = fixture.check("DROP TABLE Orders;\n  CREATE TABLE `Open (Id INT64", &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("next.sql:2:16") && text.contains("SB-CHECK-DDL"), "{text}");
    let output = command(&["check", "--ddl", "/nowhere.sql"], &fixture.config, &fixture.rest);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // The instance does not exist.
    let output = fixture.check("DROP TABLE Orders", &["--ddl-in", "projects/test/instances/none"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("instances/none/databases/check_"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_checked_against_the_resulting_schema() {
    let pipelines = "[[ingest]]\nname = \"in-{id}\"\ntopics = [\"in-{id}\"]\nvalue = { format = \"json\" }\n\
        [[ingest.table]]\ntable = \"Other\"\ncolumns = { Id = \"value.id\", V = \"value.v\" }\n";
    let fixture = DdlFixture::new(&[OTHER], pipelines).await;
    let topics = KafkaAdmin::new(&fixture.kafka, TIMEOUT).unwrap();
    topics.ensure_topic(&format!("in-{}", fixture.id), 1, 1, &[]).await.unwrap();
    let answer = fixture.report(0, "ALTER TABLE Other ADD COLUMN W INT64").await;
    assert_eq!(findings_after(&answer[0]), [] as [&Json; 0], "{answer:#}");
    let answer = fixture.report(1, "ALTER TABLE Other DROP COLUMN V").await;
    let [finding] = findings_after(&answer[0])[..] else { panic!("not one finding: {answer:#}") };
    assert_eq!((&finding["code"], &finding["severity"]), (&json!("SB-MAPPING-COLUMN"), &json!("error")));
    assert!(finding["file"].as_str().unwrap().ends_with("bridge.toml"), "{answer:#}");
}

/// Returns the findings of a mapping against the schema after the statements.
fn findings_after(part: &Json) -> Vec<&Json> {
    let is_after =
        |finding: &&Json| finding["message"].as_str().unwrap().starts_with("after these statements: ");
    part["findings"].as_array().unwrap().iter().filter(is_after).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_statements_are_tried_also_on_another_emulator() {
    let ddl = [
        "CREATE TABLE orders (id bigint NOT NULL, note varchar(9), PRIMARY KEY (id))",
        "CREATE CHANGE STREAM stream FOR orders WITH (value_capture_type = 'NEW_ROW')",
    ];
    let pipelines = "[[publish]]\nname = \"pg-{id}\"\nchange_stream = \"stream\"\n\
        create_topics = { partitions = 1, replication_factor = 1 }\n";
    let fixture = DdlFixture::with(&ddl, pipelines, true).await;
    fixture.register_schemas().await;
    let statements = "ALTER TABLE orders ADD COLUMN price numeric; -- $$\n\
                      CREATE VIEW cheap SQL SECURITY INVOKER AS SELECT id FROM orders WHERE note = 'a;''b';";
    let answer = fixture.report(0, statements).await;
    assert_eq!(effects(&answer), [CHANGES, NONE], "{answer:#}");
    assert!(message(&answer[0], 1).contains("column `price` STRING is added"), "{answer:#}");
    let elsewhere = fixture.options.emulator_host.clone().unwrap();
    let output = fixture.check(statements, &["--json", "--ddl-in", &elsewhere]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(serde_json::from_slice::<Json>(&output.stdout).unwrap(), answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_dry_run_leaves_no_database() {
    let fixture = DdlFixture::of_orders().await;
    let tables =
        (0..2000).map(|number| format!("CREATE TABLE T{number} (Id INT64 NOT NULL) PRIMARY KEY (Id);\n"));
    let path = fixture.write_ddl(&tables.collect::<String>());
    let mut child = spawn(&["check", "--ddl", path.to_str().unwrap()], &fixture.config, &fixture.rest);
    wait_for("temporary database", async || fixture.databases().await.len() == 2).await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(fixture.databases().await, ["live"]);
}

fn spawn(arguments: &[&str], config: &Path, rest: &str) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_spanbridge"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .args(["--emulator-rest", rest])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

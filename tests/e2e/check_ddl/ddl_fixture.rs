//! The database and the configuration of one test of `check --ddl`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use spanbridge_kafka::ClientOptions;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_spanner::{Admin, CommitOptions, Database, ErrorKind, Options};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use tempfile::TempDir;

use crate::fixture::{TIMEOUT, command, wait_for};
use crate::shared_testbed::testbed;

/// The DDL of the table Orders.
pub(super) const ORDERS: &str = "CREATE TABLE Orders (
    Id INT64 NOT NULL, Customer STRING(12) NOT NULL, Amount INT64, Gone STRING(9) NOT NULL) PRIMARY KEY (Id)";

/// A database in a separate instance, and a configuration file with publish pipelines.
pub(super) struct DdlFixture {
    pub(super) id: String,
    pub(super) options: Options,
    pub(super) admin: Admin,
    pub(super) database: Database,
    pub(super) kafka: ClientOptions,
    registry: String,
    pub(super) rest: String,
    folder: TempDir,
    pub(super) config: PathBuf,
}

impl DdlFixture {
    /// Creates a fixture. In the pipelines, `{id}` is its id and `{start}` is the current timestamp.
    pub(super) async fn new(ddl: &[&str], pipelines: &str) -> Self {
        Self::with(ddl, pipelines, false).await
    }

    /// Creates a fixture with one table, which one pipeline publishes.
    pub(super) async fn of_orders() -> Self {
        let pipeline = "[[publish]]\nname = \"p-{id}\"\n\
            change_stream = \"Stream\"\ncreate_topics = { partitions = 1, replication_factor = 1 }\n";
        Self::new(&[ORDERS, "CREATE CHANGE STREAM Stream FOR ALL"], pipeline).await
    }

    pub(super) async fn with(ddl: &[&str], pipelines: &str, postgres: bool) -> Self {
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

    pub(super) fn worker(&self, name: &str) -> WorkerProcess {
        let setup = WorkerSetup {
            executable: env!("CARGO_BIN_EXE_spanbridge").into(),
            config: self.config.clone(),
            folder: self.folder.path().to_owned(),
            environment: Vec::new(),
        };
        WorkerProcess::start(&setup, Service::Publish, name).unwrap()
    }

    /// Registers the current schemas of the tables.
    pub(super) async fn register_schemas(&self) {
        let mut worker = self.worker("registering");
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        worker.stop(TIMEOUT).await.unwrap();
    }

    /// Sets the compatibility rule of a subject.
    pub(super) async fn set_compatibility(&self, subject: &str, rule: &str) {
        let url = format!("{}/config/{subject}", self.registry);
        let answer =
            reqwest::Client::new().put(url).json(&json!({ "compatibility": rule })).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(super) fn write_ddl(&self, ddl: &str) -> PathBuf {
        let path = self.folder.path().join("next.sql");
        std::fs::write(&path, ddl).unwrap();
        path
    }

    pub(super) fn check(&self, ddl: &str, more: &[&str]) -> Output {
        let path = self.write_ddl(ddl);
        let arguments = [&["check", "--ddl", path.to_str().unwrap()], more].concat();
        command(&arguments, &self.config, &self.rest)
    }

    /// Checks the statements, and returns the JSON report. No database may be left behind.
    pub(super) async fn report(&self, code: i32, ddl: &str) -> Json {
        let output = self.check(ddl, &["--json"]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(self.databases().await, ["live"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(super) async fn databases(&self) -> Vec<String> {
        let url = format!("http://{}/v1/projects/test/instances/i{}/databases", self.rest, self.id);
        let answer: Json = reqwest::get(url).await.unwrap().json().await.unwrap();
        let databases = answer["databases"].as_array().unwrap().iter();
        let name =
            |database: &Json| database["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        databases.map(name).collect()
    }

    pub(super) async fn insert(&self, columns: &[&str], row: Vec<Value>) {
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

/// Starts a command with a configuration file, and discards its output.
pub(super) fn spawn(arguments: &[&str], config: &Path, rest: &str) -> std::process::Child {
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

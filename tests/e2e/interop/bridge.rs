//! A database, topics and pipelines of one interoperability test.

use spanbridge_kafka::{Admin as KafkaAdmin, ClientOptions};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, CommitOptions, Database, migrate};
use spanbridge_testbed::Testbed;
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use spanbridge_verify::rows::{self, Rows};
use tempfile::TempDir;

use crate::fixture::{TIMEOUT, command, prepare_database, wait_for};

/// A database and topics, with a configuration file for the pipelines of a test.
pub(crate) struct Bridge {
    pub(crate) id: String,
    pub(crate) kafka: ClientOptions,
    pub(crate) admin: Admin,
    pub(crate) database: Database,
    bootstrap: String,
    registry: String,
    emulator: String,
    rest: String,
    folder: TempDir,
}

/// The offset and code of a dead letter.
pub(crate) type DeadLetter = (i64, String);

impl Bridge {
    /// Creates topics with one partition each.
    pub(crate) async fn new(testbed: &Testbed, ddl: &[String], topics: &[&str]) -> Self {
        let topics: Vec<(&str, i32)> = topics.iter().map(|topic| (*topic, 1)).collect();
        Self::with(testbed, ddl, &topics).await
    }

    /// Creates topics with these numbers of partitions.
    pub(crate) async fn with(testbed: &Testbed, ddl: &[String], topics: &[(&str, i32)]) -> Self {
        let (kafka, spanner) = (testbed.kafka().unwrap(), testbed.spanner().unwrap());
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let (options, admin) = prepare_database([spanner.grpc(), spanner.rest()], &format!("d{id}")).await;
        admin.create_database(ddl).await.unwrap();
        let database = Database::connect(&options).await.unwrap();
        migrate::migrate(&admin, &database).await.unwrap();
        let client = ClientOptions::new(kafka.bootstrap(), "test");
        let kafka_admin = KafkaAdmin::new(&client, TIMEOUT).unwrap();
        for (topic, partitions) in topics {
            kafka_admin.ensure_topic(&format!("{topic}-{id}"), *partitions, 1, &[]).await.unwrap();
        }
        Self {
            id,
            kafka: client,
            admin,
            database,
            bootstrap: kafka.bootstrap().to_owned(),
            registry: testbed.registry().unwrap().url().to_owned(),
            emulator: spanner.grpc().to_owned(),
            rest: spanner.rest().to_owned(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Inserts rows with these keys and nulls in all other columns.
    pub(crate) async fn seed(&self, table: &str, key: &str, keys: &[Value]) {
        let mutation = Mutation {
            write: Write::Upsert,
            table: table.into(),
            columns: [key.to_owned()].into(),
            rows: keys.iter().map(|key| vec![key.clone()]).collect(),
        };
        self.database.commit(vec![mutation], CommitOptions::default()).await.unwrap();
    }

    /// Registers a schema for the values of a topic, compatible or not.
    pub(crate) async fn register(&self, topic: &str, language: &str, schema: &str) -> u32 {
        self.register_under(&format!("{topic}-{}-value", self.id), language, schema).await
    }

    /// Registers a schema for the keys of a topic, compatible or not.
    pub(crate) async fn register_key(&self, topic: &str, language: &str, schema: &str) -> u32 {
        self.register_under(&format!("{topic}-{}-key", self.id), language, schema).await
    }

    async fn register_under(&self, subject: &str, language: &str, schema: &str) -> u32 {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
        let rule = client.put(format!("{}/config/{subject}", self.registry));
        let rule = rule.json(&serde_json::json!({"compatibility": "NONE"}));
        rule.send().await.unwrap().error_for_status().unwrap();
        let url = format!("{}/subjects/{subject}/versions", self.registry);
        let body = serde_json::json!({"schemaType": language, "schema": schema});
        let answer = client.post(url).json(&body).send().await.unwrap().error_for_status().unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
    }

    /// Starts an ingest worker for these pipelines, which are text of the configuration file.
    pub(crate) async fn ingest(&self, pipelines: &str) -> WorkerProcess {
        self.start(Service::Ingest, pipelines).await
    }

    /// Starts a publish worker for these pipelines.
    pub(crate) async fn publish(&self, pipelines: &str) -> WorkerProcess {
        self.start(Service::Publish, pipelines).await
    }

    async fn start(&self, service: Service, pipelines: &str) -> WorkerProcess {
        let mut worker = WorkerProcess::start(&self.setup(pipelines), service, service.name()).unwrap();
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        worker
    }

    /// Writes the configuration file with these pipelines, and returns the setup of its workers.
    pub(crate) fn setup(&self, pipelines: &str) -> WorkerSetup {
        let Self { bootstrap, emulator, registry, .. } = self;
        let database = self.database.name();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[spanner]\ndatabase = \"{database}\"\n\
             emulator_host = \"{emulator}\"\n[registry]\nurl = \"{registry}\"\n[telemetry]\nlog = \"info\"\n{pipelines}"
        );
        let config = self.folder.path().join("spanbridge.toml");
        std::fs::write(&config, text).unwrap();
        let environment = [("SPANBRIDGE_TEST_MASK", super::MASK_KEY), ("SPANNER_EMULATOR_REST", &self.rest)];
        WorkerSetup {
            executable: env!("CARGO_BIN_EXE_spanbridge").into(),
            config,
            folder: self.folder.path().to_owned(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// Returns the whole log of a worker.
    pub(crate) fn log(&self, worker: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{worker}.log"))).unwrap()
    }

    /// Runs a command with the file of the last [`Self::setup`].
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        command(arguments, &self.folder.path().join("spanbridge.toml"), &self.rest)
    }

    /// Waits until the pipeline has processed this many records of its only topic.
    pub(crate) async fn applied(&self, pipeline: &str, records: i64, worker: &mut WorkerProcess) {
        let name = format!("{pipeline}-{}", self.id);
        wait_for(&format!("end of {name}"), async || {
            worker.check_running().unwrap();
            let positions = spanbridge_verify::positions::read(&self.database, &name).await.unwrap();
            positions.values().flatten().eq(&[records])
        })
        .await;
    }

    /// Reads all rows of a table, with normalized JSON.
    pub(crate) async fn rows(&self, table: &str) -> Rows {
        let table = self.database.table(table).await.unwrap().unwrap();
        let rows = rows::read(&self.database, &table).await.unwrap();
        rows.into_iter().map(|(key, row)| (key, row.into_iter().map(normalize_json).collect())).collect()
    }

    pub(crate) async fn dead_letters(&self, pipeline: &str) -> Vec<DeadLetter> {
        let columns = [("KafkaOffset", Type::Int64), ("Code", Type::String)];
        let columns = columns.map(|(name, ty)| (name.to_owned(), ty));
        let prefix = vec![format!("{pipeline}-{}", self.id).into()];
        let rows = self.database.read_prefix("BridgeDeadLetters", &columns, prefix).await.unwrap();
        let letter = |row: Vec<Value>| match <[Value; 2]>::try_from(row) {
            Ok([Value::Int64(offset), Value::String(code)]) => (offset, code),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(letter).collect()
    }
}

/// Normalizes a JSON value, which Spanner formats differently.
pub(crate) fn normalize_json(value: Value) -> Value {
    match value {
        Value::Json(text) => {
            Value::Json(serde_json::from_str::<serde_json::Value>(&text).unwrap().to_string())
        }
        other => other,
    }
}

//! The database, topics and configuration of one test, on the shared testbed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use spanbridge_kafka::{Admin as KafkaAdmin, ClientOptions, Message, Producer};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::{AvroSchema, Registry};
use spanbridge_spanner::{Admin, Database, ErrorKind, Options, migrate};
use spanbridge_testbed::child_process::{Service, WorkerProcess, WorkerSetup};
use spanbridge_testbed::{Kafka, Spanner, Testbed};
use tempfile::TempDir;

use super::orders::{DDL, Order, SCHEMA};
use super::row_modes;

pub(crate) const PARTITIONS: i32 = 4;
/// The timeout of every wait, much longer than any wait takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(240);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The options of a fixture.
#[derive(Default)]
pub(crate) struct FixtureOptions {
    /// More keys of `[[ingest]]`, such as `on_error = "stop"`.
    pub(crate) ingest: &'static str,
    /// More keys of `[kafka.properties]`, or another `session.timeout.ms`.
    pub(crate) kafka: &'static str,
    /// More keys of `[telemetry]`.
    pub(crate) telemetry: String,
    /// More pipelines; `{id}` is the id of the fixture.
    pub(crate) pipelines: &'static str,
    /// The bootstrap server of the services, if it is not that of the broker.
    pub(crate) bootstrap: Option<String>,
    /// The URL of the registry for the services, if it is not that of the testbed.
    pub(crate) registry: Option<String>,
    /// More keys of `[registry]`.
    pub(crate) registry_keys: String,
    /// The table `[kafka.oauth]`, if there is one.
    pub(crate) oauth: String,
}

/// The database, topics and configuration of one test.
pub(crate) struct Fixture {
    pub(crate) id: String,
    pub(crate) kafka: ClientOptions,
    pub(crate) admin: Admin,
    /// The REST address of the emulator.
    pub(crate) rest: String,
    pub(crate) database: Database,
    pub(crate) registry: Registry,
    pub(crate) start: Timestamp,
    pub(crate) topic: String,
    /// The schema of the orders, with its id in the registry.
    pub(crate) schema: (u32, AvroSchema),
    folder: TempDir,
    config: PathBuf,
}

impl Fixture {
    pub(crate) async fn new(testbed: &Testbed) -> Self {
        Self::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, FixtureOptions::default())
            .await
    }

    pub(crate) async fn with(
        kafka: &Kafka,
        spanner: &Spanner,
        testbed: &Testbed,
        choices: FixtureOptions,
    ) -> Self {
        Self::at(kafka, [spanner.grpc(), spanner.rest()], &ddl(), testbed, choices).await
    }

    /// Creates a fixture on the emulator or fake Spanner at these gRPC and REST addresses.
    pub(crate) async fn at(
        kafka: &Kafka,
        [grpc, rest]: [&str; 2],
        ddl: &[String],
        testbed: &Testbed,
        choices: FixtureOptions,
    ) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let (options, admin) = prepare_database([grpc, rest], &format!("d{id}")).await;
        admin.create_database(ddl).await.unwrap();
        let database = Database::connect(&options).await.unwrap();
        migrate::migrate(&admin, &database).await.unwrap();
        let start = database.now().await.unwrap();
        let topic = format!("orders-{id}");
        let client = ClientOptions::new(kafka.bootstrap(), "test");
        let topics = KafkaAdmin::new(&client, TIMEOUT).unwrap();
        topics.ensure_topic(&topic, PARTITIONS, 1, &[]).await.unwrap();
        let registry_url = testbed.registry().unwrap().url();
        let registry = Registry::connect(spanbridge_schema::RegistryOptions::new(registry_url)).unwrap();
        let schema = AvroSchema::parse(SCHEMA).unwrap();
        let schema_id = registry.register(&format!("{topic}-value"), &schema).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("spanbridge.toml");
        let text = config_text(
            &Addresses {
                kafka: choices.bootstrap.as_deref().unwrap_or(kafka.bootstrap()),
                spanner: grpc,
                registry: choices.registry.as_deref().unwrap_or(registry_url),
            },
            &options.database,
            &id,
            start,
            &choices,
        );
        std::fs::write(&config, text).unwrap();
        Self {
            id,
            admin,
            rest: rest.to_owned(),
            kafka: client,
            database,
            registry,
            start,
            topic,
            schema: (schema_id, schema),
            folder,
            config,
        }
    }

    /// Starts a worker. The name is that of its log, so each worker of a test needs another one.
    pub(crate) fn start(&self, service: Service, name: &str) -> WorkerProcess {
        self.start_executable(env!("CARGO_BIN_EXE_spanbridge").into(), service, name)
    }

    /// Starts a worker of another version of the program.
    pub(crate) fn start_executable(
        &self,
        executable: PathBuf,
        service: Service,
        name: &str,
    ) -> WorkerProcess {
        let setup = WorkerSetup {
            executable,
            config: self.config.clone(),
            folder: self.folder.path().to_owned(),
            environment: Vec::new(),
        };
        WorkerProcess::start(&setup, service, name).unwrap()
    }

    pub(crate) async fn start_ready(&self, service: Service, name: &str) -> WorkerProcess {
        let mut worker = self.start(service, name);
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        worker
    }

    /// Runs a command with the configuration file.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        command(arguments, &self.config, &self.rest)
    }

    /// Returns the configuration file of both services.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    pub(crate) fn order(&self, order: &Order) -> Message {
        order.message(&self.topic, self.schema.0, &self.schema.1)
    }

    /// Produces the orders with these numbers.
    pub(crate) async fn produce(&self, numbers: std::ops::Range<i64>) {
        let messages: Vec<_> = numbers.map(|number| self.order(&Order::numbered(number))).collect();
        self.send(&messages).await;
    }

    pub(crate) async fn send(&self, messages: &[Message]) {
        let producer = Producer::new(&self.kafka, TIMEOUT).unwrap();
        for message in messages {
            producer.send(message).await.unwrap();
        }
        producer.flush().await.unwrap();
    }

    pub(crate) fn pipeline(&self, service: Service) -> String {
        format!("{}-{}", service.name(), self.id)
    }

    /// Returns the names of both ingest pipelines.
    pub(crate) fn ingests(&self) -> [String; 2] {
        [self.pipeline(Service::Ingest), format!("modes-{}", self.id)]
    }

    /// Counts the records that ingest has applied, by its positions.
    pub(crate) async fn applied(&self) -> u64 {
        let pipeline = self.pipeline(Service::Ingest);
        match spanbridge_verify::positions::read(&self.database, &pipeline).await {
            Ok(positions) => spanbridge_verify::positions::count_applied(&positions),
            // The emulator may be unavailable for a moment.
            Err(_) => 0,
        }
    }

    /// Waits until this many records are applied.
    pub(crate) async fn wait_applied(&self, records: u64, workers: &mut [&mut WorkerProcess]) {
        let end = std::time::Instant::now() + TIMEOUT;
        loop {
            let applied = self.applied().await;
            if applied >= records {
                return;
            }
            for worker in workers.iter_mut() {
                worker.check_running().unwrap();
            }
            if std::time::Instant::now() > end {
                let logs: Vec<_> = workers.iter().map(|worker| worker.log_tail()).collect();
                panic!("{applied} of {records} records are applied; {}", logs.join("\n"));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Runs a command with a configuration file and the emulator at a REST address.
pub(crate) fn command(arguments: &[&str], config: &Path, rest: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spanbridge"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .env("NO_COLOR", "1")
        .env("SPANNER_EMULATOR_REST", rest)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Returns the findings about all pipelines that `check --json` has printed.
pub(crate) fn findings(output: &Output) -> Vec<serde_json::Value> {
    let reports: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    reports.iter().flat_map(|report| report["findings"].as_array().unwrap().clone()).collect()
}

/// Creates the instance for a new database, and returns the options and the administration of the database.
pub(crate) async fn prepare_database([grpc, rest]: [&str; 2], name: &str) -> (Options, Admin) {
    let options = Options::emulator(format!("projects/test/instances/test/databases/{name}"), grpc, rest);
    let admin = Admin::connect(&options).await.unwrap();
    match admin.create_instance().await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{error}"),
        _ => {}
    }
    (options, admin)
}

/// Waits until a condition holds.
pub(crate) async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(std::time::Instant::now() < end, "no {what} within {TIMEOUT:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns the DDL of the tables of both pipelines and of the change stream.
pub(crate) fn ddl() -> Vec<String> {
    DDL.into_iter().chain(row_modes::DDL).map(str::to_owned).collect()
}

struct Addresses<'a> {
    kafka: &'a str,
    spanner: &'a str,
    registry: &'a str,
}

/// A short session timeout, so that the shards of a stopped worker soon move to another.
const SHORT_SESSION: &str = "\"session.timeout.ms\" = \"6000\"";

fn config_text(
    at: &Addresses<'_>,
    database: &str,
    id: &str,
    start: Timestamp,
    choices: &FixtureOptions,
) -> String {
    let Addresses { kafka, spanner, registry } = at;
    let start = start.to_rfc3339();
    let FixtureOptions {
        ingest,
        kafka: properties,
        telemetry,
        pipelines,
        bootstrap: _,
        registry: _,
        registry_keys,
        oauth,
    } = choices;
    let pipelines = pipelines.replace("{id}", id);
    let modes = row_modes::MAPPING;
    let session = if properties.contains("session.timeout.ms") { "" } else { SHORT_SESSION };
    format!(
        r#"[kafka]
bootstrap_servers = "{kafka}"
[kafka.properties]
{session}
{properties}
{oauth}
[spanner]
database = "{database}"
emulator_host = "{spanner}"
[registry]
url = "{registry}"
{registry_keys}
[telemetry]
log = "info"
{telemetry}

[[ingest]]
name = "ingest-{id}"
topics = ["orders-{id}"]
batch = {{ max_records = 50, max_wait = "20ms" }}
{ingest}
[[ingest.table]]
table = "Orders"
tombstones = "dead-letter"
columns = {{ Id = "value.id", Customer = "value.customer", Amount = "value.amount", SourceOffset = "offset" }}
[[ingest.table]]
table = "Totals"
group_by = {{ Customer = "value.customer" }}
window = {{ kind = "tumbling", size = "1h", time = "value.at", start = "WindowStart" }}
[ingest.table.aggregates]
Orders = "count()"
AmountSum = "sum(value.amount)"
AmountMin = "min(value.amount)"
AmountMax = "max(value.amount)"

[[ingest]]
name = "modes-{id}"
topics = ["orders-{id}"]
batch = {{ max_records = 50, max_wait = "20ms" }}
{ingest}
{modes}
{pipelines}
[[publish]]
name = "publish-{id}"
change_stream = "OrdersStream"
create_topics = {{ partitions = 3, replication_factor = 1 }}
shards = 4
start = "{start}"
transaction = {{ max_records = 500, max_wait = "50ms" }}
"#
    )
}

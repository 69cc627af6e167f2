//! One test's own database, topics and configuration on the shared parts.

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

use super::modes;
use super::orders::{DDL, Order, SCHEMA};

pub(crate) const PARTITIONS: i32 = 4;
/// Bounds a wait; what is waited for comes much sooner.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(50);

/// What a test may choose.
#[derive(Default)]
pub(crate) struct Choices {
    /// More of `[[ingest]]`, such as `on_error = "stop"`.
    pub(crate) ingest: &'static str,
    /// More of `[kafka.properties]`, or another `session.timeout.ms`.
    pub(crate) kafka: &'static str,
    /// More of `[telemetry]`.
    pub(crate) telemetry: String,
    /// More pipelines; `{id}` is the world's.
    pub(crate) pipelines: &'static str,
    /// The broker's address for the services, if that is not its own.
    pub(crate) bootstrap: Option<String>,
}

pub(crate) struct World {
    pub(crate) id: String,
    pub(crate) kafka: ClientOptions,
    pub(crate) admin: Admin,
    /// Of the emulator.
    pub(crate) rest: String,
    pub(crate) database: Database,
    pub(crate) registry: Registry,
    pub(crate) start: Timestamp,
    pub(crate) topic: String,
    /// Its id in the registry, and itself.
    pub(crate) schema: (u32, AvroSchema),
    folder: TempDir,
    config: PathBuf,
}

impl World {
    pub(crate) async fn new(bed: &Testbed) -> Self {
        Self::with(bed.kafka().unwrap(), bed.spanner().unwrap(), bed, Choices::default()).await
    }

    pub(crate) async fn with(kafka: &Kafka, spanner: &Spanner, bed: &Testbed, choices: Choices) -> Self {
        Self::at(kafka, [spanner.grpc(), spanner.rest()], &ddl(), bed, choices).await
    }

    /// On the Spanner, or what stands in for it, at these addresses of gRPC and REST.
    pub(crate) async fn at(
        kafka: &Kafka,
        [grpc, rest]: [&str; 2],
        ddl: &[String],
        bed: &Testbed,
        choices: Choices,
    ) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let (options, admin) = place([grpc, rest], &format!("d{id}")).await;
        admin.create_database(ddl).await.unwrap();
        let database = Database::connect(&options).await.unwrap();
        migrate::migrate(&admin, &database).await.unwrap();
        let start = database.now().await.unwrap();
        let topic = format!("orders-{id}");
        let client = ClientOptions::new(kafka.bootstrap(), "test");
        let topics = KafkaAdmin::new(&client, LIMIT).unwrap();
        topics.ensure_topic(&topic, PARTITIONS, 1, &[]).await.unwrap();
        let registry_url = bed.registry().unwrap().url();
        let registry = Registry::connect(spanbridge_schema::RegistryOptions::new(registry_url)).unwrap();
        let schema = AvroSchema::parse(SCHEMA).unwrap();
        let schema_id = registry.register(&format!("{topic}-value"), &schema).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("spanbridge.toml");
        let text = config_text(
            &Addresses {
                kafka: choices.bootstrap.as_deref().unwrap_or(kafka.bootstrap()),
                spanner: grpc,
                registry: registry_url,
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

    /// A name of its own for each worker: it names the log.
    pub(crate) fn start(&self, service: Service, name: &str) -> WorkerProcess {
        let setup = WorkerSetup {
            executable: env!("CARGO_BIN_EXE_spanbridge").into(),
            config: self.config.clone(),
            folder: self.folder.path().to_owned(),
            environment: Vec::new(),
        };
        WorkerProcess::start(&setup, service, name).unwrap()
    }

    pub(crate) async fn start_ready(&self, service: Service, name: &str) -> WorkerProcess {
        let mut worker = self.start(service, name);
        worker.wait_until_ready(LIMIT).await.unwrap();
        worker
    }

    /// The outcome of a command on the file.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        command(arguments, &self.config, &self.rest)
    }

    /// The file that both services run with.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    pub(crate) fn order(&self, order: &Order) -> Message {
        order.message(&self.topic, self.schema.0, &self.schema.1)
    }

    /// Produces the orders of these numbers.
    pub(crate) async fn produce(&self, numbers: std::ops::Range<i64>) {
        let messages: Vec<_> = numbers.map(|number| self.order(&Order::numbered(number))).collect();
        self.send(&messages).await;
    }

    pub(crate) async fn send(&self, messages: &[Message]) {
        let producer = Producer::new(&self.kafka, LIMIT).unwrap();
        for message in messages {
            producer.send(message).await.unwrap();
        }
        producer.flush().await.unwrap();
    }

    pub(crate) fn pipeline(&self, service: Service) -> String {
        format!("{}-{}", service.name(), self.id)
    }

    /// Both ingest pipelines.
    pub(crate) fn ingests(&self) -> [String; 2] {
        [self.pipeline(Service::Ingest), format!("modes-{}", self.id)]
    }

    /// How many records ingest has applied, by its positions.
    pub(crate) async fn applied(&self) -> u64 {
        let pipeline = self.pipeline(Service::Ingest);
        match spanbridge_verify::positions::read(&self.database, &pipeline).await {
            Ok(positions) => spanbridge_verify::positions::count_applied(&positions),
            // The emulator or its answer may be away for a moment.
            Err(_) => 0,
        }
    }

    /// Waits until that many records are applied.
    pub(crate) async fn wait_applied(&self, records: u64, workers: &mut [&mut WorkerProcess]) {
        let end = std::time::Instant::now() + LIMIT;
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
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The outcome of a command on a file, with the emulator at that REST address.
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

/// Where a new database of that name will be, on the Spanner at these addresses of gRPC and REST.
pub(crate) async fn place([grpc, rest]: [&str; 2], name: &str) -> (Options, Admin) {
    let options = Options::emulator(format!("projects/test/instances/test/databases/{name}"), grpc, rest);
    let admin = Admin::connect(&options).await.unwrap();
    match admin.create_instance().await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{error}"),
        _ => {}
    }
    (options, admin)
}

/// Waits for a condition.
pub(crate) async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + LIMIT;
    while !condition().await {
        assert!(std::time::Instant::now() < end, "no {what} within {LIMIT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The tables of both pipelines, and the change stream.
pub(crate) fn ddl() -> Vec<String> {
    DDL.into_iter().chain(modes::DDL).map(str::to_owned).collect()
}

struct Addresses<'a> {
    kafka: &'a str,
    spanner: &'a str,
    registry: &'a str,
}

/// So that the shards of a worker that is gone are soon another's.
const SESSION: &str = "\"session.timeout.ms\" = \"6000\"";

fn config_text(at: &Addresses<'_>, database: &str, id: &str, start: Timestamp, choices: &Choices) -> String {
    let Addresses { kafka, spanner, registry } = at;
    let start = start.to_rfc3339();
    let Choices { ingest, kafka: properties, telemetry, pipelines, bootstrap: _ } = choices;
    let pipelines = pipelines.replace("{id}", id);
    let modes = modes::MAPPING;
    let session = if properties.contains("session.timeout.ms") { "" } else { SESSION };
    format!(
        r#"[kafka]
bootstrap_servers = "{kafka}"
[kafka.properties]
{session}
{properties}
[spanner]
database = "{database}"
emulator_host = "{spanner}"
[registry]
url = "{registry}"
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

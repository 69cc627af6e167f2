//! The broker, emulator and registry of a run, its database and topics, and the configuration of the workers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use spanbridge_kafka::{Admin as KafkaAdmin, ClientOptions};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::{Registry, RegistryOptions};
use spanbridge_spanner::{Admin, Database, Options, migrate};
use spanbridge_testbed::child_process::WorkerSetup;
use spanbridge_testbed::{
    Kafka, KafkaOptions, Options as TestbedOptions, Proxy, RegistryGate, Source, Spanner, SpannerOptions,
    Testbed,
};

use crate::Result;

/// The topic that ingest reads.
pub(crate) const TOPIC: &str = "records";
/// The number of its partitions.
pub(crate) const PARTITIONS: i32 = 4;
/// The name of the ingest pipeline.
pub(crate) const INGEST: &str = "ingest";
/// The publish pipelines, and whether they are atomic.
pub(crate) const PIPELINES: [(&str, bool); 2] = [("shards", false), ("atomic", true)];
/// The change stream.
pub(crate) const STREAM: &str = "TransfersStream";
/// The published tables, with the index of the column that has the number of the transaction.
pub(crate) const TABLES: [(&str, usize); 2] = [("Accounts", 1), ("Entries", 0)];

const DATABASE: &str = "projects/chaos/instances/chaos/databases/chaos";
const DDL: [&str; 6] = [
    // A record that is applied twice is a dead letter, since its row exists.
    "CREATE TABLE Received (SourcePartition INT64 NOT NULL, SourceOffset INT64 NOT NULL, Number INT64 NOT NULL)
     PRIMARY KEY (SourcePartition, SourceOffset)",
    "CREATE TABLE Latest (Name STRING(16) NOT NULL, Number INT64 NOT NULL) PRIMARY KEY (Name)",
    "CREATE TABLE Totals (Name STRING(16) NOT NULL, Records INT64 NOT NULL, NumberSum INT64) PRIMARY KEY (Name)",
    "CREATE TABLE Accounts (Id INT64 NOT NULL, Number INT64 NOT NULL, Balance INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE TABLE Entries (
        Number INT64 NOT NULL, Leg INT64 NOT NULL, Account INT64 NOT NULL,
        CONSTRAINT AccountExists CHECK (Account >= 0)
     ) PRIMARY KEY (Number, Leg)",
    "CREATE CHANGE STREAM TransfersStream FOR Accounts, Entries OPTIONS (value_capture_type = 'NEW_ROW')",
];

/// The timeout of one request to Kafka.
pub(crate) const KAFKA_TIMEOUT: Duration = Duration::from_secs(30);

/// The parts of one run.
pub(crate) struct World {
    testbed: Testbed,
    /// The proxy between the workers and the broker.
    pub(crate) proxy: Proxy,
    /// The gate between the workers and the registry.
    pub(crate) gate: RegistryGate,
    /// Kafka without the proxy.
    pub(crate) client: ClientOptions,
    pub(crate) database: Database,
    /// The registry without the gate.
    pub(crate) registry: Registry,
    /// A timestamp before the first commit.
    pub(crate) start: Timestamp,
    pub(crate) setup: WorkerSetup,
}

impl World {
    /// Starts everything except the workers. Their configuration and logs are in `folder`.
    pub(crate) async fn start(folder: &Path, executable: Option<PathBuf>) -> Result<Self> {
        let testbed = Testbed::start(TestbedOptions {
            kafka: Some(KafkaOptions { source: Source::New, ..KafkaOptions::default() }),
            spanner: Some(SpannerOptions {
                source: Source::New,
                fault_injection: true,
                ..SpannerOptions::default()
            }),
            registry: Some(Default::default()),
        })
        .await?;
        let (kafka, spanner) = (testbed.kafka()?, testbed.spanner()?);
        let registry_url = testbed.registry()?.url();
        let gate = RegistryGate::start(registry_url, None).await?;
        let proxy = kafka.proxy().await?;
        let client = ClientOptions::new(kafka.bootstrap(), "chaos");
        KafkaAdmin::new(&client, KAFKA_TIMEOUT)?.ensure_topic(TOPIC, PARTITIONS, 1, &[]).await?;
        // The emulator reads whole tables slowly.
        let options = Options {
            read_timeout: Duration::from_secs(120),
            ..Options::emulator(DATABASE, spanner.grpc(), spanner.rest())
        };
        let admin = Admin::connect(&options).await?;
        admin.create_instance().await?;
        admin.create_database(&DDL.map(str::to_owned)).await?;
        let database = Database::connect(&options).await?;
        migrate::migrate(&admin, &database).await?;
        let start = database.now().await?;
        let config = folder.join("chaos.toml");
        let text = configuration(&proxy.address(), spanner.grpc(), gate.url(), start);
        std::fs::write(&config, text)?;
        let setup = WorkerSetup {
            executable: executable.map_or_else(std::env::current_exe, Ok)?,
            config,
            folder: folder.to_owned(),
            environment: Vec::new(),
        };
        let registry = Registry::connect(RegistryOptions::new(registry_url))?;
        Ok(Self { testbed, proxy, gate, client, database, registry, start, setup })
    }

    pub(crate) fn kafka(&self) -> Result<&Kafka> {
        Ok(self.testbed.kafka()?)
    }

    pub(crate) fn spanner(&self) -> Result<&Spanner> {
        Ok(self.testbed.spanner()?)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        Ok(self.testbed.stop().await?)
    }
}

fn configuration(kafka: &str, spanner: &str, registry: &str, start: Timestamp) -> String {
    let start = start.to_rfc3339();
    let mut text = format!(
        r#"[kafka]
bootstrap_servers = "{kafka}"
[kafka.properties]
"session.timeout.ms" = "6000"
"transaction.timeout.ms" = "8000"
[spanner]
database = "{DATABASE}"
emulator_host = "{spanner}"
[registry]
url = "{registry}"
[telemetry]
log = "info,spanbridge_publish=debug,spanbridge_kafka=debug"

[[ingest]]
name = "{INGEST}"
topics = ["{TOPIC}"]
key = {{ format = "string" }}
value = {{ format = "json" }}
batch = {{ max_records = 50, max_wait = "20ms" }}
[[ingest.table]]
table = "Received"
mode = "insert"
columns = {{ SourcePartition = "partition", SourceOffset = "offset", Number = "value.number" }}
[[ingest.table]]
table = "Latest"
columns = {{ Name = "key", Number = "value.number" }}
[[ingest.table]]
table = "Totals"
ownership = "shared"
group_by = {{ Name = "key" }}
aggregates = {{ Records = "count()", NumberSum = "sum(value.number)" }}
"#
    );
    for (name, is_atomic) in PIPELINES {
        let kind = if is_atomic { "atomic = true" } else { "shards = 4" };
        text.push_str(&format!(
            r#"
[[publish]]
name = "{name}"
change_stream = "{STREAM}"
create_topics = {{ partitions = 3, replication_factor = 1 }}
start = "{start}"
transaction = {{ max_records = 500, max_wait = "50ms" }}
{kind}
"#
        ));
    }
    text
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use spanbridge_config::Config;
use spanbridge_fake_spanner::{ChangeStreamControl, FakeSpanner};
use spanbridge_kafka::ClientOptions;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_schema::Registry;
use spanbridge_service::{Context, Healths};
use spanbridge_spanner::{Admin, CommitOptions, Database, ErrorKind};
use spanbridge_telemetry::admin::{Liveness, Readiness};
use spanbridge_testbed::{Source, SpannerOptions, Testbed};
use tokio::sync::OnceCell;

static TESTBED: OnceCell<Testbed> = OnceCell::const_new();
static NAMES: AtomicU32 = AtomicU32::new(1);

async fn testbed() -> &'static Testbed {
    let start = || async {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .init();
        let mut options = spanbridge_testbed::Options::all();
        // Partitions that live for 3 to 6 s instead of 20 to 40 s.
        let arguments = vec!["--override_change_stream_partition_token_alive_seconds=3".to_owned()];
        options.spanner = Some(SpannerOptions { source: Source::New, arguments, ..Default::default() });
        let testbed = Testbed::start(options).await.unwrap();
        let spanner = spanner(&testbed, "none");
        Admin::connect(&spanner).await.unwrap().create_instance().await.unwrap();
        testbed
    };
    TESTBED.get_or_init(start).await
}

fn spanner(testbed: &Testbed, database: &str) -> spanbridge_spanner::Options {
    let emulator = testbed.spanner().unwrap();
    let name = format!("projects/test/instances/test/databases/{database}");
    spanbridge_spanner::Options::emulator(name, emulator.grpc(), emulator.rest())
}

/// The database of a fake Spanner.
const FAKE_SPANNER: &str = "projects/test/instances/test/databases/fake_spanner";

/// The environment of one test: a separate database and a unique pipeline name.
pub(crate) struct World {
    pub(crate) pipeline: String,
    pub(crate) database: Database,
    pub(crate) admin: Admin,
    pub(crate) kafka: ClientOptions,
    pub(crate) registry: Registry,
    fake_spanner: Option<FakeSpanner>,
    spanner: spanbridge_spanner::Options,
    registry_url: String,
}

impl World {
    /// Creates a database in the emulator.
    pub(crate) async fn new(ddl: &[&str]) -> Self {
        let testbed = testbed().await;
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let spanner = spanner(testbed, &format!("db{number}"));
        let admin = Admin::connect(&spanner).await.unwrap();
        let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
        admin.create_database(&ddl).await.unwrap();
        Self::at(testbed, number, spanner, None).await
    }

    /// Creates a database of the PostgreSQL dialect in the emulator.
    pub(crate) async fn postgres(ddl: &[&str]) -> Self {
        let testbed = testbed().await;
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let spanner = spanner(testbed, &format!("db{number}"));
        let admin = Admin::connect(&spanner).await.unwrap();
        let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
        admin.create_postgres_database(&ddl).await.unwrap();
        Self::at(testbed, number, spanner, None).await
    }

    /// Starts a fake Spanner, whose change streams the test controls.
    pub(crate) async fn with_fake_spanner(ddl: &[&str]) -> Self {
        let testbed = testbed().await;
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let fake_spanner = FakeSpanner::builder().database(FAKE_SPANNER, ddl).start().await.unwrap();
        let spanner =
            spanbridge_spanner::Options::emulator(FAKE_SPANNER, fake_spanner.grpc(), fake_spanner.rest());
        Self::at(testbed, number, spanner, Some(fake_spanner)).await
    }

    async fn at(
        testbed: &Testbed,
        number: u32,
        spanner: spanbridge_spanner::Options,
        fake_spanner: Option<FakeSpanner>,
    ) -> Self {
        let registry_url = testbed.registry().unwrap().url().to_owned();
        Self {
            pipeline: format!("p{}-{number}", std::process::id()),
            database: Database::connect(&spanner).await.unwrap(),
            admin: Admin::connect(&spanner).await.unwrap(),
            fake_spanner,
            kafka: ClientOptions::new(testbed.kafka().unwrap().bootstrap(), "publish-tests"),
            registry: Registry::connect(spanbridge_schema::RegistryOptions::new(&registry_url)).unwrap(),
            spanner,
            registry_url,
        }
    }

    /// The control of the fake Spanner's change stream.
    pub(crate) fn change_stream(&self) -> ChangeStreamControl {
        self.fake_spanner.as_ref().unwrap().change_stream(FAKE_SPANNER, "Stream").unwrap()
    }

    /// Stops or restarts the fake Spanner's clock. All commits have the same timestamp while it is stopped.
    pub(crate) fn hold_clock(&self, hold: bool) {
        self.fake_spanner.as_ref().unwrap().hold_clock(FAKE_SPANNER, hold).unwrap();
    }

    /// Advances the fake Spanner's clock by so many hours.
    pub(crate) fn advance_clock(&self, hours: u32) {
        self.fake_spanner.as_ref().unwrap().advance_clock(FAKE_SPANNER, hours).unwrap();
    }

    /// A configuration of one pipeline with these lines.
    pub(crate) fn config(&self, lines: &str) -> Arc<Config> {
        let Self { pipeline, spanner, registry_url, kafka, .. } = self;
        let (database, bootstrap) = (&spanner.database, &kafka.bootstrap);
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{bootstrap}\"\n[spanner]\ndatabase = \"{database}\"\n\
             [registry]\nurl = \"{registry_url}\"\n[[publish]]\nname = \"{pipeline}\"\n{lines}"
        );
        Arc::new(Config::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn context(&self, config: &Arc<Config>) -> Context {
        Context {
            config: config.clone(),
            kafka: self.kafka.clone(),
            spanner: self.spanner.clone(),
            registry: self.registry.clone(),
            health: Healths::new(Readiness::default(), Duration::from_secs(30)),
            liveness: Liveness::default(),
        }
    }

    /// The topic of a table.
    pub(crate) fn topic(&self, table: &str) -> String {
        format!("{}.{table}", self.pipeline)
    }

    /// Commits the write of one row, and retries while the emulator aborts it.
    pub(crate) async fn write(
        &self,
        write: Write,
        table: &str,
        columns: &[&str],
        row: Vec<Value>,
    ) -> Timestamp {
        let columns: Arc<[String]> = columns.iter().map(|&column| column.to_owned()).collect();
        let mutation = Mutation { write, table: table.into(), columns, rows: vec![row] };
        for _ in 0..200 {
            match self.database.commit(vec![mutation.clone()], CommitOptions::default()).await {
                Err(error) if error.kind() == ErrorKind::Aborted => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                outcome => return outcome.unwrap().timestamp,
            }
        }
        panic!("the commit was aborted 200 times");
    }
}

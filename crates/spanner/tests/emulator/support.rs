use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, CommitOptions, Committed, Database, ErrorKind, Options};
use spanbridge_testbed::{Source, Spanner, SpannerOptions};
use tokio::sync::OnceCell;

use crate::relay::Relay;

/// Returns the emulator that all tests of this binary share; it ends with the process.
static EMULATOR: OnceCell<Spanner> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(1);

async fn emulator() -> &'static Spanner {
    let start = || async {
        let emulator = own_emulator().await;
        let options = Options::emulator(
            "projects/test/instances/test/databases/none",
            emulator.grpc(),
            emulator.rest(),
        );
        Admin::connect(&options).await.unwrap().create_instance().await.unwrap();
        emulator
    };
    EMULATOR.get_or_init(start).await
}

/// Starts an emulator whose partitions live for 3 to 6 s instead of 20 to 40 s.
pub(crate) async fn own_emulator() -> Spanner {
    let arguments = vec!["--override_change_stream_partition_token_alive_seconds=3".to_owned()];
    Spanner::start(SpannerOptions { source: Source::New, arguments, ..SpannerOptions::default() })
        .await
        .unwrap()
}

pub(crate) fn options(emulator: &Spanner) -> Options {
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("projects/test/instances/test/databases/db{number}");
    Options::emulator(name, emulator.grpc(), emulator.rest())
}

/// Creates a database with these statements.
pub(crate) async fn database(ddl: &[&str]) -> (Admin, Database) {
    let options = options(emulator().await);
    let admin = Admin::connect(&options).await.unwrap();
    let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
    admin.create_database(&ddl).await.unwrap();
    (admin, Database::connect(&options).await.unwrap())
}

/// Creates a database in the PostgreSQL dialect with these statements.
pub(crate) async fn postgres(ddl: &[&str]) -> (Admin, Database) {
    let options = options(emulator().await);
    let admin = Admin::connect(&options).await.unwrap();
    let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
    admin.create_postgres_database(&ddl).await.unwrap();
    (admin, Database::connect(&options).await.unwrap())
}

/// Returns the options of this database.
pub(crate) async fn address(database: &Database) -> Options {
    let emulator = emulator().await;
    Options::emulator(database.name().to_string(), emulator.grpc(), emulator.rest())
}

/// Opens another connection to the same database.
pub(crate) async fn another(database: &Database) -> Database {
    Database::connect(&address(database).await).await.unwrap()
}

/// Opens another connection to the same database, through a relay, on one channel.
pub(crate) async fn relayed(database: &Database) -> (Relay, Database) {
    let mut options = address(database).await;
    let relay = Relay::start(options.emulator_host.unwrap()).await;
    options.emulator_host = Some(relay.address.clone());
    options.connect_timeout = Duration::from_secs(2);
    options.commit_timeout = Duration::from_secs(2);
    options.read_timeout = Duration::from_secs(1);
    (options.channels, options.stream_channels) = (1, 1);
    let database = Database::connect(&options).await.unwrap();
    (relay, database)
}

pub(crate) fn mutation(write: Write, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Mutation {
    let columns: Arc<[String]> = columns.iter().map(|&column| column.to_owned()).collect();
    Mutation { write, table: table.into(), columns, rows }
}

pub(crate) fn columns(columns: &[(&str, Type)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect()
}

/// Commits, with retries while the emulator aborts, as it does with two concurrent transactions.
pub(crate) async fn commit(database: &Database, mutations: Vec<Mutation>) -> Committed {
    for _ in 0..100 {
        match database.commit(mutations.clone(), CommitOptions::default()).await {
            Err(error) if error.kind() == ErrorKind::Aborted => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            outcome => return outcome.unwrap(),
        }
    }
    panic!("aborted a hundred times");
}

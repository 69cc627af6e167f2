use std::sync::Arc;
use std::time::Duration;

use spanbridge_fake_spanner::{Builder, FakeSpanner};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, CommitOptions, Database, Options, migrate};

pub(crate) const NAME: &str = "projects/test/instances/test/databases/test";

/// The default commit options.
pub(crate) const PLAIN: CommitOptions<'static> = CommitOptions { tag: None, stats: false, exclude: false };

/// The table that most tests use.
pub(crate) const DDL: &str = "CREATE TABLE Data (Id INT64 NOT NULL, UpTo INT64) PRIMARY KEY (Id)";

pub(crate) fn options(fake_spanner: &FakeSpanner) -> Options {
    let mut options = Options::emulator(NAME, fake_spanner.grpc(), fake_spanner.rest());
    options.connect_timeout = Duration::from_secs(5);
    options.commit_timeout = Duration::from_secs(5);
    options
}

/// Starts a fake with the bridge's tables and [`DDL`].
pub(crate) async fn migrated(builder: Builder) -> (FakeSpanner, Database) {
    let fake_spanner = builder.database(NAME, &[DDL]).start().await.unwrap();
    let database = Database::connect(&options(&fake_spanner)).await.unwrap();
    let admin = Admin::connect(&options(&fake_spanner)).await.unwrap();
    migrate::migrate(&admin, &database).await.unwrap();
    fake_spanner.log().clear();
    (fake_spanner, database)
}

pub(crate) fn mutation(write: Write, table: &str, columns: &[&str], rows: Vec<Vec<Value>>) -> Mutation {
    let columns: Arc<[String]> = columns.iter().map(|&column| column.to_owned()).collect();
    Mutation { write, table: table.into(), columns, rows }
}

pub(crate) fn columns(columns: &[(&str, Type)]) -> Vec<(String, Type)> {
    columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect()
}

/// Returns an upsert of one row of `Data`.
pub(crate) fn data(id: i64, up_to: i64) -> Mutation {
    mutation(Write::Upsert, "Data", &["Id", "UpTo"], vec![vec![id.into(), up_to.into()]])
}

/// Reads the rows of `Data`.
pub(crate) async fn rows(database: &Database) -> Vec<(i64, i64)> {
    let named = columns(&[("Id", Type::Int64), ("UpTo", Type::Int64)]);
    let rows = database.read_all("Data", &named, None).await.unwrap();
    let pair = |row: Vec<Value>| match row[..] {
        [Value::Int64(id), Value::Int64(up_to)] => (id, up_to),
        _ => panic!("{row:?}"),
    };
    rows.into_iter().map(pair).collect()
}

//! The demo's database: instance, tables, change stream, and the bridge's own tables.

use std::time::Duration;

use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{Admin, Database, Error as SpannerError, ErrorKind, Options, migrate};

use super::names::Names;
use crate::{Error, Kind, Result};

const DDL: [&str; 3] = [
    "CREATE TABLE Flights (
  Carrier STRING(8) NOT NULL,
  Flight INT64 NOT NULL,
  Origin STRING(8) NOT NULL,
  TimeHour TIMESTAMP NOT NULL,
  DepDelay INT64,
  TailNumber STRING(16),
  UpdatedAt TIMESTAMP NOT NULL,
) PRIMARY KEY (Carrier, Flight, Origin, TimeHour)",
    "CREATE TABLE DelaysByHour (
  Origin STRING(8) NOT NULL,
  Carrier STRING(8) NOT NULL,
  WindowStart TIMESTAMP NOT NULL,
  SourcePartition INT64 NOT NULL,
  Flights INT64 NOT NULL,
  DelaySum INT64,
  DelayMin INT64,
  DelayMax INT64,
) PRIMARY KEY (Origin, Carrier, WindowStart, SourcePartition)",
    // With whole rows, the last event of a key is its row.
    "CREATE CHANGE STREAM DelaysStream FOR Flights, DelaysByHour
  OPTIONS (value_capture_type = 'NEW_ROW', retention_period = '7d')",
];

/// The tables, by name.
pub(super) const FLIGHTS: &str = "Flights";
pub(super) const DELAYS: &str = "DelaysByHour";
pub(super) const STREAM: &str = "DelaysStream";

/// A database that is ready for both services.
pub(super) struct Prepared {
    pub(super) database: Database,
    pub(super) flights: Table,
    pub(super) delays: Table,
    /// After the change stream was created, before the first commit to its tables.
    pub(super) start: Timestamp,
}

/// The options for the demo's database.
pub(super) fn options(names: &Names, grpc: &str, rest: &str) -> Options {
    // A strong read of a whole table is slow on the emulator.
    Options { read_timeout: Duration::from_secs(120), ..Options::emulator(&names.database, grpc, rest) }
}

/// Creates instance and database, and migrates it.
pub(super) async fn prepare(options: &Options) -> Result<Prepared> {
    let admin = Admin::connect(options).await?;
    match admin.create_instance().await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(of("create the instance", error));
        }
        _ => {}
    }
    let ddl = DDL.map(str::to_owned);
    admin.create_database(&ddl).await.map_err(|error| of("create the database", error))?;
    let database = Database::connect(options).await?;
    migrate::migrate(&admin, &database).await.map_err(|error| of("migrate", error))?;
    let [flights, delays] = [table(&database, FLIGHTS).await?, table(&database, DELAYS).await?];
    let start = database.now().await?;
    Ok(Prepared { database, flights, delays, start })
}

/// Drops the database, of an emulator that stays.
pub(super) async fn drop_database(options: &Options) -> Result<()> {
    Ok(Admin::connect(options).await?.drop_database().await?)
}

async fn table(database: &Database, name: &str) -> Result<Table> {
    let missing = || Error::new(Kind::Failed, "demo-table", format!("the table {name} was not created"));
    database.table(name).await?.ok_or_else(missing)
}

fn of(what: &str, error: SpannerError) -> Error {
    Error::from(error).context(what)
}

//! Creates the demo's database: the instance, the tables, the change stream, and the bridge's own tables.

use std::time::Duration;

use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{Admin, Database, ErrorKind as SpannerErrorKind, Options, migrate};

use super::resource_names::{DELAYS_TABLE, FLIGHTS_TABLE, ResourceNames};
use crate::error::{Error, ErrorKind, Result};

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
    // NEW_ROW: the last event of a key has the whole row.
    "CREATE CHANGE STREAM DelaysStream FOR Flights, DelaysByHour
  OPTIONS (value_capture_type = 'NEW_ROW', retention_period = '7d')",
];

/// A database that is ready for both services.
pub(super) struct PreparedDatabase {
    pub(super) database: Database,
    pub(super) flights: Table,
    pub(super) delays: Table,
    /// A timestamp after the creation of the change stream and before the first commit to its tables.
    pub(super) start: Timestamp,
}

/// Returns the options for the demo's database.
pub(super) fn options(names: &ResourceNames, grpc: &str, rest: &str) -> Options {
    // The emulator reads whole tables slowly.
    Options { read_timeout: Duration::from_secs(120), ..Options::emulator(&names.database, grpc, rest) }
}

/// Creates the instance and the database, and migrates the database.
pub(super) async fn prepare(options: &Options) -> Result<PreparedDatabase> {
    let admin = Admin::connect(options).await?;
    match admin.create_instance().await {
        Err(error) if error.kind() != SpannerErrorKind::AlreadyExists => {
            return Err(Error::from(error).in_step("create the instance"));
        }
        _ => {}
    }
    let ddl = DDL.map(str::to_owned);
    let created = admin.create_database(&ddl).await;
    created.map_err(|error| Error::from(error).in_step("create the database"))?;
    let database = Database::connect(options).await?;
    let migrated = migrate::migrate(&admin, &database).await;
    migrated.map_err(|error| Error::from(error).in_step("migrate the database"))?;
    let [flights, delays] = [table(&database, FLIGHTS_TABLE).await?, table(&database, DELAYS_TABLE).await?];
    let start = database.now().await?;
    Ok(PreparedDatabase { database, flights, delays, start })
}

/// Drops the database, for an emulator that keeps running.
pub(super) async fn drop_database(options: &Options) -> Result<()> {
    Ok(Admin::connect(options).await?.drop_database().await?)
}

async fn table(database: &Database, name: &str) -> Result<Table> {
    let missing = || Error::new(ErrorKind::Table, format!("the table {name} was not created"));
    database.table(name).await?.ok_or_else(missing)
}

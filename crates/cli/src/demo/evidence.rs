//! All that the checks compare, read when both services have ended.

use spanbridge_kafka::ClientOptions;
use spanbridge_protocol::table::Table;
use spanbridge_schema::Registry;
use spanbridge_spanner::Database;

use super::database::{Prepared, STREAM};
use super::names::Names;
use crate::Result;
use crate::oracle::{self, History};
use crate::published::{self, Event};
use crate::rows::{self, Rows};

/// What was found, and what was expected of Flights.
pub(super) struct Evidence {
    pub(super) database: Database,
    pub(super) kafka: ClientOptions,
    pub(super) expected: Rows,
    pub(super) flights: Of,
    pub(super) delays: Of,
    /// The change stream, read again from its start.
    pub(super) oracle: History,
}

/// Of one table.
pub(super) struct Of {
    pub(super) table: Table,
    pub(super) rows: Rows,
    pub(super) events: Vec<Event>,
}

impl Evidence {
    pub(super) async fn collect(
        prepared: Prepared,
        kafka: &ClientOptions,
        registry: &Registry,
        names: &Names,
        expected: Rows,
    ) -> Result<Self> {
        let Prepared { database, flights, delays, start } = prepared;
        let end = database.now().await?;
        let oracle = oracle::read(&database, STREAM, start, end).await?;
        let flights = Of::read(&database, kafka, registry, names, flights).await?;
        let delays = Of::read(&database, kafka, registry, names, delays).await?;
        Ok(Self { database, kafka: kafka.clone(), expected, flights, delays, oracle })
    }

    pub(super) fn tables(&self) -> [&Of; 2] {
        [&self.flights, &self.delays]
    }

    /// All that was published but tombstones.
    pub(super) fn changes(&self) -> impl Iterator<Item = &published::Change> {
        self.tables().into_iter().flat_map(|table| &table.events).filter_map(|event| event.change.as_ref())
    }
}

impl Of {
    async fn read(
        database: &Database,
        kafka: &ClientOptions,
        registry: &Registry,
        names: &Names,
        table: Table,
    ) -> Result<Self> {
        let rows = rows::read(database, &table).await?;
        let events = published::read(kafka, registry, &names.published(&table.name), &table).await?;
        Ok(Self { table, rows, events })
    }
}

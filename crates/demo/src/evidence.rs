//! Reads everything that the checks compare, after both services have stopped.

use spanbridge_kafka::ClientOptions;
use spanbridge_protocol::table::Table;
use spanbridge_schema::Registry;
use spanbridge_spanner::Database;
use spanbridge_verify::oracle::{self, StreamHistory};
use spanbridge_verify::published::{self, PublishedChange, PublishedRecord};
use spanbridge_verify::rows::{self, Rows};

use super::database::PreparedDatabase;
use super::resource_names::{CHANGE_STREAM, ResourceNames};
use crate::error::Result;

/// The results of a run, and the expected rows of the table Flights.
pub(super) struct Evidence {
    pub(super) database: Database,
    pub(super) kafka: ClientOptions,
    pub(super) expected: Rows,
    pub(super) flights: TableEvidence,
    pub(super) delays: TableEvidence,
    /// All changes of the change stream.
    pub(super) history: StreamHistory,
}

/// The results for one table.
pub(super) struct TableEvidence {
    pub(super) table: Table,
    pub(super) rows: Rows,
    /// The committed records of the table's topic.
    pub(super) records: Vec<PublishedRecord>,
}

impl Evidence {
    pub(super) async fn collect(
        prepared: PreparedDatabase,
        kafka: &ClientOptions,
        registry: &Registry,
        names: &ResourceNames,
        expected: Rows,
    ) -> Result<Self> {
        let PreparedDatabase { database, flights, delays, start } = prepared;
        let end = database.now().await?;
        let history = oracle::read(&database, CHANGE_STREAM, start, end).await?;
        let flights = TableEvidence::read(&database, kafka, registry, names, flights).await?;
        let delays = TableEvidence::read(&database, kafka, registry, names, delays).await?;
        Ok(Self { database, kafka: kafka.clone(), expected, flights, delays, history })
    }

    pub(super) fn tables(&self) -> [&TableEvidence; 2] {
        [&self.flights, &self.delays]
    }

    /// Returns all published changes.
    pub(super) fn changes(&self) -> impl Iterator<Item = &PublishedChange> {
        let records = self.tables().into_iter().flat_map(|table| &table.records);
        records.filter_map(|record| record.change.as_ref())
    }
}

impl TableEvidence {
    async fn read(
        database: &Database,
        kafka: &ClientOptions,
        registry: &Registry,
        names: &ResourceNames,
        table: Table,
    ) -> Result<Self> {
        let rows = rows::read(database, &table).await?;
        let topic = names.published_topic(&table.name);
        let records = published::read(kafka, registry, &topic, &table).await?;
        Ok(Self { table, rows, records })
    }
}

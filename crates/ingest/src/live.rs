use spanbridge_config::{Config, Ingest, IngestTable};
use spanbridge_protocol::table::Table;
use spanbridge_schema::Registry;
use spanbridge_spanner::Database;

use crate::{Error, ErrorKind};

/// What a pipeline is compiled, planned and checked against.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    pub config: &'a Config,
    pub database: &'a Database,
    pub registry: &'a Registry,
}

impl Live<'_> {
    /// The pipeline's tables that exist, in the order of the file.
    pub(crate) async fn tables(&self, pipeline: &Ingest) -> Result<Vec<Option<Table>>, Error> {
        let mut tables = Vec::with_capacity(pipeline.tables.len());
        for table in pipeline.tables.iter().map(IngestTable::table) {
            let live = self.database.table(table).await;
            tables.push(
                live.map_err(|error| Error::new(ErrorKind::Refused, pipeline.identity(), error.to_string()))?,
            );
        }
        Ok(tables)
    }
}

use spanbridge_config::{Config, Ingest, IngestTable};
use spanbridge_protocol::table::{Constraints, Table};
use spanbridge_schema::Registry;
use spanbridge_spanner::{Database, Index};

use crate::Error;

/// The configuration and the live systems that a pipeline is compiled, planned and checked against.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The configuration file.
    pub config: &'a Config,
    /// The database of all pipelines.
    pub database: &'a Database,
    /// The schema registry.
    pub registry: &'a Registry,
}

impl Environment<'_> {
    /// Reads the pipeline's tables in the order of the file. A table that does not exist is `None`.
    pub(crate) async fn tables(&self, pipeline: &Ingest) -> Result<Vec<Option<Table>>, Error> {
        self.database
            .google_sql("rows")
            .await
            .map_err(|error| Error::of_spanner(pipeline.identity(), &error))?;
        let mut tables = Vec::with_capacity(pipeline.tables.len());
        for table in pipeline.tables.iter().map(IngestTable::table) {
            let live = self.database.table(table).await;
            tables.push(live.map_err(|error| Error::of_spanner(pipeline.identity(), &error))?);
        }
        Ok(tables)
    }

    /// Reads the constraints of the database by which the order of two changes decides.
    pub(crate) async fn constraints(&self, pipeline: &Ingest) -> Result<Constraints, Error> {
        let constraints = self.database.constraints().await;
        constraints.map_err(|error| Error::of_spanner(pipeline.identity(), &error))
    }

    /// Reads the indexes of a table.
    pub(crate) async fn indexes(&self, pipeline: &Ingest, table: &str) -> Result<Vec<Index>, Error> {
        let indexes = self.database.indexes(table).await;
        indexes.map_err(|error| Error::of_spanner(pipeline.identity(), &error))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use spanbridge_protocol::table::{Column, Table};
    use spanbridge_protocol::value::Type;

    /// Returns table `T` with these columns. The first is its key.
    pub(crate) fn table(columns: &[(&str, Type)]) -> Table {
        let column = |(at, (name, ty)): (usize, &(&str, Type))| Column {
            name: (*name).into(),
            ty: ty.clone(),
            length: None,
            nullable: at > 0,
            generated: false,
            has_default: false,
            commit_timestamp: false,
            key_ordinal: (at == 0).then_some(0),
            key_descending: false,
        };
        Table { name: "T".into(), columns: columns.iter().enumerate().map(column).collect(), parent: None }
    }
}

//! Schema evolution: writers whose records have fields that the mapping does not know.
//!
//! Depending on `evolve`, the missing columns are added by DDL, or the pipeline stops with the DDL to run.

use spanbridge_config::{Evolve, Ingest, IngestTable};
use spanbridge_schema::WriterSchema;
use spanbridge_service::Context;
use spanbridge_spanner::{Admin, ErrorKind as SpannerKind};

use super::RETRY_BACKOFF;
use crate::fields::{self, MissingColumn, UnmatchedFields};
use crate::mapping::{self, Mapper};
use crate::schemas::{Schemas, VersionScope};
use crate::{Environment, Error, ErrorKind};

/// The number of writers that are remembered in addition to the registry's versions. The oldest is forgotten first.
const MAX_WRITERS: usize = 100;
/// The maximum number of attempts of a schema change. Other changes may run, and other workers make the same change.
const MAX_DDL_ATTEMPTS: u32 = 20;

/// A writer whose first record has fields that its table's mapping does not know.
#[derive(Debug)]
pub(super) struct NewFields {
    /// The index of the table in the file.
    pub(super) target: usize,
    /// The writer's schema.
    pub(super) writer: WriterSchema,
}

/// The writers with new fields since the pipeline started.
#[derive(Default)]
pub(crate) struct Evolution {
    writers: Vec<WriterSchema>,
}

impl Evolution {
    /// Compiles the mapping from the registry's schemas, the remembered writers and the live tables.
    ///
    /// # Errors
    /// The mapping does not fit the tables, or Spanner or the registry does not answer.
    pub(crate) async fn compile(
        &self,
        environment: &Environment<'_>,
        pipeline: &Ingest,
    ) -> Result<Mapper, Error> {
        let tables = environment.tables(pipeline).await?;
        let constraints = environment.constraints(pipeline).await?;
        if !fields::has_wildcard(pipeline) {
            let mapper = mapping::compile(environment.config, pipeline, &tables, environment.registry)?;
            return Ok(mapper.with_constraints(&constraints));
        }
        let mut schemas = Schemas::fetch(environment.registry, pipeline, VersionScope::All).await?;
        for writer in &self.writers {
            schemas.add(writer);
        }
        let expanded =
            fields::expand(environment.config, pipeline, &tables, &schemas, UnmatchedFields::LeaveOut)?;
        let mapper = mapping::compile(environment.config, &expanded, &tables, environment.registry)?;
        Ok(mapper.with_constraints(&constraints))
    }

    /// Remembers a writer and adds the columns of its new fields, so that the next mapping knows them.
    ///
    /// # Errors
    /// A field has no column, and the file does not allow to add it, or the column cannot be added.
    pub(super) async fn add_columns(
        &mut self,
        context: &Context,
        environment: &Environment<'_>,
        pipeline: &Ingest,
        new_fields: NewFields,
    ) -> Result<(), Error> {
        let title = format!("schema id {}", new_fields.writer.id);
        if self.writers.len() >= MAX_WRITERS {
            self.writers.remove(0);
        }
        self.writers.push(new_fields.writer.clone());
        let missing = missing(environment, pipeline, &new_fields).await?;
        if missing.is_empty() {
            tracing::info!(pipeline = %pipeline.identity(), "{title} has new fields; all of them have columns");
            return Ok(());
        }
        let columns = ColumnAdditions { pipeline, title, new_fields: &new_fields };
        let statements = columns.statements(&missing)?;
        match pipeline.evolve {
            Evolve::Stop => Err(columns.error(&missing, "run the DDL and restart the pipeline")),
            Evolve::AddColumns => columns.add(context, environment, statements).await,
        }
    }
}

/// Returns the writer's fields without a column in its table.
async fn missing(
    environment: &Environment<'_>,
    pipeline: &Ingest,
    new_fields: &NewFields,
) -> Result<Vec<MissingColumn>, Error> {
    let mut backoff = RETRY_BACKOFF;
    let tables = loop {
        match environment.tables(pipeline).await {
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                tracing::warn!(pipeline = %pipeline.identity(), %error, "the tables could not be read; retrying");
                tokio::time::sleep(backoff.next_pause()).await;
            }
            tables => break tables?,
        }
    };
    let Some(IngestTable::Rows(rows)) = pipeline.tables.get(new_fields.target) else { return Ok(Vec::new()) };
    let (Some(all), Some(Some(table))) = (&rows.all, tables.get(new_fields.target)) else {
        return Ok(Vec::new());
    };
    let fields = Schemas::of_writer(pipeline, &new_fields.writer);
    let fields = fields::wildcard_fields(&fields, all);
    let fields = fields.map_err(|why| Error::new(ErrorKind::Columns, pipeline.identity(), why))?;
    Ok(fields::missing_columns(rows, all, table, &fields))
}

/// The columns to add before the writer's first record is applied.
struct ColumnAdditions<'a> {
    pipeline: &'a Ingest,
    title: String,
    new_fields: &'a NewFields,
}

impl ColumnAdditions<'_> {
    /// Returns the DDL of all missing columns.
    ///
    /// # Errors
    /// A field cannot become a column.
    fn statements(&self, missing: &[MissingColumn]) -> Result<Vec<String>, Error> {
        let statements: Result<Vec<String>, &String> =
            missing.iter().map(|missing| missing.ddl.as_ref().cloned()).collect();
        statements.map_err(|why| {
            let help = format!(
                "{why}: create the column by hand, or map the field in the file, and restart the pipeline"
            );
            self.error(missing, &help)
        })
    }

    /// Adds the columns, unless another worker adds them first.
    async fn add(
        &self,
        context: &Context,
        environment: &Environment<'_>,
        mut statements: Vec<String>,
    ) -> Result<(), Error> {
        let admin = Admin::connect(&context.spanner).await;
        let admin = admin.map_err(|error| Error::of_spanner(self.pipeline.identity(), &error))?;
        let mut backoff = RETRY_BACKOFF;
        let mut attempt = 1;
        loop {
            tracing::info!(pipeline = %self.pipeline.identity(), "{} has new fields: {}", self.title, statements.join("; "));
            let outcome = admin.update_ddl(&statements).await;
            // The outcome of the DDL does not matter if the table has the columns.
            let left = missing(environment, self.pipeline, self.new_fields).await?;
            if left.is_empty() {
                return Ok(());
            }
            match outcome {
                Ok(()) => return Err(self.error(&left, "the columns are still missing after the DDL")),
                Err(error) if error.kind() == SpannerKind::Denied || attempt >= MAX_DDL_ATTEMPTS => {
                    return Err(self.error(&left, &format!("the DDL failed: {error}")));
                }
                Err(error) => {
                    tracing::warn!(pipeline = %self.pipeline.identity(), %error, "the DDL failed; retrying");
                    attempt += 1;
                    tokio::time::sleep(backoff.next_pause()).await;
                    statements = self.statements(&left)?;
                }
            }
        }
    }

    fn error(&self, missing: &[MissingColumn], help: &str) -> Error {
        let table = self.pipeline.tables.get(self.new_fields.target).map_or("", |table| table.table());
        let names: Vec<&str> = missing.iter().map(|missing| missing.field.as_str()).collect();
        let ddl: Vec<&str> = missing.iter().filter_map(|missing| missing.ddl.as_deref().ok()).collect();
        let message = format!(
            "{} has fields without a column in table `{table}`: {}; {help}{}",
            self.title,
            names.join(", "),
            ddl.iter().map(|ddl| format!("\n  {ddl};")).collect::<String>()
        );
        Error::new(ErrorKind::Columns, self.pipeline.identity(), message)
    }
}

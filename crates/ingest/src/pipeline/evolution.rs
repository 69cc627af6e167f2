//! Writers whose records have new fields: their columns are there, are made, or are asked for.

use spanbridge_config::{Evolve, Ingest, IngestTable};
use spanbridge_schema::WriterSchema;
use spanbridge_spanner::{Admin, ErrorKind as SpannerKind};

use super::requests::Backoff;
use crate::fields::{self, Missing, Without};
use crate::mapping::{self, Mapper};
use crate::schemas::{Depth, Schemas};
use crate::{Context, Error, ErrorKind, Live};

/// Writers whose fields are kept in mind, besides those that the registry names; others are met again.
const MOST_WRITERS: usize = 100;
/// How often a schema change is tried: others may be under way, and other workers make the same one.
const ATTEMPTS: u32 = 20;

/// The first record of a writer has fields that its table's mapping does not know.
#[derive(Debug)]
pub(super) struct Met {
    /// The table, by its place in the file.
    pub(super) target: usize,
    pub(super) writer: WriterSchema,
}

/// The writers that were met since the pipeline was started.
#[derive(Default)]
pub(crate) struct Evolution {
    met: Vec<WriterSchema>,
}

impl Evolution {
    /// The mapping by the registry's schemas, those that were met, and the tables as they are now.
    pub(crate) async fn compile(&self, live: &Live<'_>, pipeline: &Ingest) -> Result<Mapper, Error> {
        let tables = live.tables(pipeline).await?;
        if !fields::any(pipeline) {
            return Ok(mapping::compile(live.config, pipeline, &tables, live.registry)?);
        }
        let mut schemas = Schemas::fetch(live.registry, pipeline, Depth::All).await?;
        for writer in &self.met {
            schemas.add(writer);
        }
        let expanded = fields::expand(live.config, pipeline, &tables, &schemas, Without::LeftOut)?;
        Ok(mapping::compile(live.config, &expanded, &tables, live.registry)?)
    }

    /// Sees to it that the next mapping knows the writer's fields.
    ///
    /// # Errors
    /// A field has no column, and the file does not say that it is to be made, or it cannot be made.
    pub(super) async fn meet(
        &mut self,
        context: &Context,
        live: &Live<'_>,
        pipeline: &Ingest,
        met: Met,
    ) -> Result<(), Error> {
        let title = format!("schema id {}", met.writer.id);
        if self.met.len() >= MOST_WRITERS {
            self.met.remove(0);
        }
        self.met.push(met.writer.clone());
        let missing = missing(live, pipeline, &met).await?;
        if missing.is_empty() {
            tracing::info!(pipeline = %pipeline.identity(), "{title} has new fields, which have columns");
            return Ok(());
        }
        let columns = Columns { pipeline, title, met: &met };
        let statements = columns.statements(&missing)?;
        match pipeline.evolve {
            Evolve::Stop => Err(columns.error(&missing, "run the DDL and start again")),
            Evolve::AddColumns => columns.add(context, live, statements).await,
        }
    }
}

/// The fields of the met writer that its table has no columns for.
async fn missing(live: &Live<'_>, pipeline: &Ingest, met: &Met) -> Result<Vec<Missing>, Error> {
    let mut backoff = Backoff::default();
    let tables = loop {
        match live.tables(pipeline).await {
            Err(error) if error.kind() == ErrorKind::Unreachable => {
                tracing::warn!(pipeline = %pipeline.identity(), %error, "trying again");
                backoff.pause().await;
            }
            tables => break tables?,
        }
    };
    let Some(IngestTable::Rows(rows)) = pipeline.tables.get(met.target) else { return Ok(Vec::new()) };
    let (Some(all), Some(Some(table))) = (&rows.all, tables.get(met.target)) else { return Ok(Vec::new()) };
    let fields = Schemas::met(pipeline, &met.writer);
    let fields = fields::fields(&fields, all);
    let fields = fields.map_err(|why| Error::new(ErrorKind::Columns, pipeline.identity(), why))?;
    Ok(fields::missing(rows, all, table, &fields))
}

/// Columns that are to be there before the writer's first record.
struct Columns<'a> {
    pipeline: &'a Ingest,
    title: String,
    met: &'a Met,
}

impl Columns<'_> {
    fn statements(&self, missing: &[Missing]) -> Result<Vec<String>, Error> {
        let statements: Result<Vec<String>, &String> =
            missing.iter().map(|missing| missing.ddl.as_ref().cloned()).collect();
        statements.map_err(|why| {
            let help =
                format!("{why}: make the column by hand, or map the field in the file, and start again");
            self.error(missing, &help)
        })
    }

    /// The columns are made by this worker, or by another one in the meantime.
    async fn add(
        &self,
        context: &Context,
        live: &Live<'_>,
        mut statements: Vec<String>,
    ) -> Result<(), Error> {
        let admin = Admin::connect(&context.spanner).await;
        let admin = admin.map_err(|error| Error::of_spanner(self.pipeline.identity(), &error))?;
        let mut backoff = Backoff::default();
        let mut attempt = 1;
        loop {
            tracing::info!(pipeline = %self.pipeline.identity(), "{} has new fields: {}", self.title, statements.join("; "));
            let outcome = admin.update_ddl(&statements).await;
            // Whatever it says: the table tells.
            let left = missing(live, self.pipeline, self.met).await?;
            if left.is_empty() {
                return Ok(());
            }
            match outcome {
                Ok(()) => return Err(self.error(&left, "the columns are still missing after the DDL")),
                Err(error) if error.kind() == SpannerKind::Denied || attempt >= ATTEMPTS => {
                    return Err(self.error(&left, &format!("the DDL has failed: {error}")));
                }
                Err(error) => {
                    tracing::warn!(pipeline = %self.pipeline.identity(), %error, "trying again");
                    attempt += 1;
                    backoff.pause().await;
                    statements = self.statements(&left)?;
                }
            }
        }
    }

    fn error(&self, missing: &[Missing], help: &str) -> Error {
        let table = self.pipeline.tables.get(self.met.target).map_or("", |table| table.table());
        let names: Vec<&str> = missing.iter().map(|missing| missing.field.as_str()).collect();
        let ddl: Vec<&str> = missing.iter().filter_map(|missing| missing.ddl.as_deref().ok()).collect();
        let message = format!(
            "{} has fields that table `{table}` has no columns for: {}; {help}{}",
            self.title,
            names.join(", "),
            ddl.iter().map(|ddl| format!("\n  {ddl};")).collect::<String>()
        );
        Error::new(ErrorKind::Columns, self.pipeline.identity(), message)
    }
}

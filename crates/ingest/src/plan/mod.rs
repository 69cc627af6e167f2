//! The DDL that a pipeline's mapping still needs.

mod columns;
mod key;
mod natural;
mod previous;
mod table;
mod view;

use spanbridge_config::{Ingest, IngestTable};

use crate::schemas::{Depth, Schemas};
use crate::{Error, ErrorKind, Live};
pub use key::PrimaryKey;
use view::Merged;
pub(crate) use view::{is_same, statement as view_statement};

/// What the database lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// DDL in the order to run it, without semicolons.
    pub statements: Vec<String>,
    /// What cannot be made, and why.
    pub notes: Vec<String>,
}

/// Compares a pipeline's mapping with the database; `keys` are the primary keys of row tables to create.
///
/// # Errors
/// A column whose type no schema says and a table without a key, with their places in the file; Spanner or the
/// registry does not answer.
pub async fn plan(live: &Live<'_>, pipeline: &Ingest, keys: &[PrimaryKey]) -> Result<Plan, Error> {
    let tables = live.tables(pipeline).await?;
    let schemas = Schemas::fetch(live.registry, pipeline, Depth::Newest).await?;
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    let previous = previous::previous(live, pipeline).await?;
    for ((mapping, table), before) in pipeline.tables.iter().zip(&tables).zip(&previous) {
        let before = before.as_ref();
        let own = previous::key(pipeline, mapping, keys, before);
        let keys = own.as_ref().map_or(keys, std::slice::from_ref);
        match table::statements(live.config, mapping, table.as_ref(), before, keys, &schemas) {
            Ok(statements) => plan.statements.extend(statements),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    if let Some(error) = live.config.errors(errors) {
        return Err(error.into());
    }
    let Plan { statements, notes } = merged_views(live, pipeline).await?;
    plan.statements.extend(statements);
    plan.notes.extend(notes);
    Ok(plan)
}

/// The views that merge what partitions keep of one group.
pub(crate) async fn merged_views(live: &Live<'_>, pipeline: &Ingest) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for mapping in &pipeline.tables {
        let IngestTable::Aggregates(table) = mapping else { continue };
        let Some(Merged { name, query, left_out }) = view::merged(table) else { continue };
        plan.notes.extend(left_out);
        let Some(query) = query else { continue };
        let found = live.database.view(&name).await;
        let found =
            found.map_err(|error| Error::new(ErrorKind::Refused, pipeline.identity(), error.to_string()))?;
        if found.is_none_or(|found| !view::is_same(&found, &query)) {
            plan.statements.push(view::statement(&name, &query));
        }
    }
    Ok(plan)
}

/// The name of the view that merges a table's rows, where it can have one.
pub(crate) fn merged_view(table: &IngestTable) -> Option<String> {
    let IngestTable::Aggregates(table) = table else { return None };
    view::merged(table).filter(|merged| merged.query.is_some()).map(|merged| merged.name)
}

/// The columns that a mapping writes.
pub(crate) fn column_names(table: &IngestTable) -> Vec<String> {
    columns::columns(table).into_iter().map(|column| column.name).collect()
}

/// An identifier, `schema.table` part by part, that may be a reserved word.
pub(crate) fn quoted(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(|part| format!("`{part}`")).collect();
    parts.join(".")
}

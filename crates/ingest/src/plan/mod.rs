//! The DDL that a pipeline's mapping still needs.

mod columns;
mod interleaving;
mod key;
mod natural;
mod previous;
mod table;
mod view;

use spanbridge_config::{Ingest, IngestTable};

use crate::fields::{self, Without};
use crate::finality::index;
use crate::schemas::{Depth, Schemas};
use crate::{Error, Live};
pub use key::PrimaryKey;
pub(crate) use natural::column_of_field;
pub(crate) use table::add_column;
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
    // What is still in the log has the fields of former schemas too.
    let depth = if fields::any(pipeline) { Depth::All } else { Depth::Newest };
    let schemas = Schemas::fetch(live.registry, pipeline, depth).await?;
    let pipeline = &fields::expand(live.config, pipeline, &tables, &schemas, Without::Planned)?;
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    let previous = previous::previous(live, pipeline).await?;
    for ((mapping, table), before) in pipeline.tables.iter().zip(&tables).zip(&previous) {
        let before = before.as_ref();
        let own = previous::key(pipeline, mapping, keys, before);
        let keys = own.as_ref().map_or(keys, std::slice::from_ref);
        let notes = &mut plan.notes;
        match table::statements(live.config, mapping, table.as_ref(), before, keys, &schemas, notes) {
            Ok(statements) => plan.statements.extend(statements),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    if let Some(error) = live.config.errors(errors) {
        return Err(error.into());
    }
    plan.notes.extend(interleaving::remarks(pipeline, &tables, keys));
    let Plan { statements, notes } = merged_views(live, pipeline).await?;
    plan.statements.extend(statements);
    plan.notes.extend(notes);
    Ok(plan)
}

/// The views that merge what partitions keep of one group, and the indexes of final columns.
pub(crate) async fn merged_views(live: &Live<'_>, pipeline: &Ingest) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for mapping in &pipeline.tables {
        let IngestTable::Aggregates(table) = mapping else { continue };
        if let Some((last, bound)) = index::columns(table) {
            let indexes = live.indexes(pipeline, &table.table).await?;
            if !indexes.iter().any(|index| index::serves(index, last, bound)) {
                plan.statements.push(index::statement(&table.table, last, bound));
            }
        }
        let Some(Merged { name, query, left_out }) = view::merged(table) else { continue };
        plan.notes.extend(left_out);
        let Some(query) = query else { continue };
        let found = live.database.view(&name).await;
        let found = found.map_err(|error| Error::of_spanner(pipeline.identity(), &error))?;
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

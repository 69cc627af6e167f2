//! The DDL that a pipeline's mapping still needs.
//!
//! [`plan`] compares the configuration file with the database and the registry. `spanbridge plan` prints or applies its
//! statements; `spanbridge replay start` applies them for a new version. This module itself changes nothing.
//!
//! ```text
//! planned_column     the columns that a mapping writes, and the source of each type
//! table              CREATE TABLE, ALTER TABLE … ADD COLUMN
//! merged_view        the view that merges the rows of one group from several partitions
//! interleaving       notes about tables that could be interleaved
//! primary_key        --key Table=Column,Column
//! previous_version   types and keys of the tables of the version below
//! ```

mod interleaving;
mod merged_view;
mod planned_column;
mod previous_version;
mod primary_key;
mod table;

use spanbridge_config::{Ingest, IngestTable};

use crate::ddl::{create_view, is_same_query};
use crate::fields::{self, UnmatchedFields};
use crate::finality::index;
use crate::schemas::{Schemas, VersionScope};
use crate::{Environment, Error};
use merged_view::MergedView;
pub use primary_key::PrimaryKey;

/// The DDL that the database lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The statements in the order to run them, without semicolons.
    pub statements: Vec<String>,
    /// The parts that cannot be created, with the reasons.
    pub notes: Vec<String>,
}

/// Compares a pipeline's mapping with the database. `keys` are the primary keys of row tables to create.
///
/// # Errors
/// No schema determines the type of a column, or a table has no key; the error has the place in the file. Or Spanner or
/// the registry does not answer.
pub async fn plan(
    environment: &Environment<'_>,
    pipeline: &Ingest,
    keys: &[PrimaryKey],
) -> Result<Plan, Error> {
    let tables = environment.tables(pipeline).await?;
    // Records that are still in the log may have the fields of older schemas.
    let scope = if fields::has_wildcard(pipeline) { VersionScope::All } else { VersionScope::Newest };
    let schemas = Schemas::fetch(environment.registry, pipeline, scope).await?;
    let pipeline =
        &fields::expand(environment.config, pipeline, &tables, &schemas, UnmatchedFields::PlanColumn)?;
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    let previous = previous_version::tables(environment, pipeline).await?;
    for ((mapping, table), before) in pipeline.tables.iter().zip(&tables).zip(&previous) {
        let before = before.as_ref();
        let own = previous_version::primary_key(pipeline, mapping, keys, before);
        let keys = own.as_ref().map_or(keys, std::slice::from_ref);
        let notes = &mut plan.notes;
        match table::statements(environment.config, mapping, table.as_ref(), before, keys, &schemas, notes) {
            Ok(statements) => plan.statements.extend(statements),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    if let Some(error) = environment.config.errors(errors) {
        return Err(error.into());
    }
    plan.notes.extend(interleaving::notes(pipeline, &tables, keys));
    let Plan { statements, notes } = merged_views(environment, pipeline).await?;
    plan.statements.extend(statements);
    plan.notes.extend(notes);
    Ok(plan)
}

/// Returns the DDL for merged views and for the indexes of final columns.
///
/// # Errors
/// Spanner does not answer.
pub(crate) async fn merged_views(environment: &Environment<'_>, pipeline: &Ingest) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for mapping in &pipeline.tables {
        let IngestTable::Aggregates(table) = mapping else { continue };
        if let Some((last, bound)) = index::columns(table) {
            let indexes = environment.indexes(pipeline, &table.table).await?;
            if !indexes.iter().any(|index| index::is_usable(index, last, bound)) {
                plan.statements.push(index::statement(&table.table, last, bound));
            }
        }
        let Some(MergedView { name, query, left_out }) = merged_view::merged(table) else { continue };
        plan.notes.extend(left_out);
        let Some(query) = query else { continue };
        let found = environment.database.view(&name).await;
        let found = found.map_err(|error| Error::of_spanner(pipeline.identity(), &error))?;
        if found.is_none_or(|found| !is_same_query(&found, &query)) {
            plan.statements.push(create_view(&name, &query));
        }
    }
    Ok(plan)
}

/// Returns the name of a table's merged view, if it can have one.
pub(crate) fn merged_view(table: &IngestTable) -> Option<String> {
    let IngestTable::Aggregates(table) = table else { return None };
    merged_view::merged(table).filter(|merged| merged.query.is_some()).map(|merged| merged.name)
}

/// Returns the columns that a mapping writes.
pub(crate) fn column_names(table: &IngestTable) -> Vec<String> {
    planned_column::columns(table).into_iter().map(|column| column.name).collect()
}

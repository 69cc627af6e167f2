//! Compiles the tables of the configuration file against the live tables.
//!
//! [`compile`] visits the file's tables in order and returns a [`Mapper`]. `rows.rs` and `groups.rs` compile one table
//! each with the help of `compiler.rs`, which collects every mistake with its place in the file. `offline.rs` compiles
//! the expressions alone, without a database.

mod aggregates;
mod compiler;
mod groups;
mod offline;
mod rows;
#[cfg(test)]
mod tests;
mod windows;

use std::sync::Arc;

use spanbridge_config::{Config, Decoding, Error, Ingest, IngestTable};
use spanbridge_protocol::ingest::Spec;
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_schema::Registry;

use super::decoding::Decoders;
use super::mapper::Mapper;
use super::path_resolver::PathResolver;
use super::table_mapping::TableMapping;
use crate::schemas;
use compiler::{Compiler, TABLE};
pub(crate) use offline::check_expressions;

/// Compiles a pipeline in which each `"*"` is already expanded. `tables` has an entry for each table of the file, in
/// its order, which is `None` if the table does not exist.
///
/// # Errors
/// All mistakes, with their places in the file.
pub(crate) fn compile(
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    registry: &Registry,
) -> Result<Mapper, Error> {
    let decoders = Decoders::new(pipeline, registry);
    let mask_key = pipeline.mask_key.as_ref().map(|key| key.resolve()).transpose()?;
    let paths = PathResolver::new(single_subjects(pipeline));
    let mut compiler = Compiler::new(config, decoders.variables(), paths).with_mask_key(mask_key);
    let mut targets = Vec::new();
    let mut mappings = Vec::new();
    let mut types = Vec::new();
    let mut final_columns = Vec::new();
    for (mapping, live) in pipeline.tables.iter().zip(tables) {
        let Some(live) = live else {
            let name = mapping.table();
            let message = format!("the database has no table `{name}`");
            compiler.error(name, TABLE, message, "create it, or correct its name");
            continue;
        };
        let compiled = match mapping {
            IngestTable::Rows(rows) => rows::compile(&mut compiler, rows, live),
            IngestTable::Aggregates(table) => {
                groups::compile(&mut compiler, table, live).map(|(target, mapping, final_column)| {
                    final_columns.extend(final_column);
                    (target, mapping)
                })
            }
        };
        if let Some((target, mapping)) = compiled {
            let ty = |name: &String| live.column(name).map(|column| column.ty.clone());
            types.push(target.columns.iter().filter_map(ty).collect::<Vec<_>>());
            targets.push(target);
            mappings.push(mapping);
        }
    }
    if let Some(error) = config.errors(compiler.errors) {
        return Err(error);
    }
    let holds_messages = types.iter().flatten().any(|ty| match ty {
        Type::Array(item) => matches!(**item, Type::Proto(_)),
        ty => matches!(ty, Type::Proto(_)),
    });
    let decoders = if holds_messages { decoders.keep_messages() } else { decoders };
    Ok(Mapper {
        spec: Arc::new(Spec::new(pipeline.identity().into(), targets)),
        types,
        decoders,
        reads_key: mappings.iter().any(TableMapping::reads_key),
        tables: mappings,
        paths: compiler.paths,
        final_columns,
    })
}

/// Returns the subject of the keys and that of the values, each if there is just one.
fn single_subjects(pipeline: &Ingest) -> [Option<String>; 2] {
    let single = |decoding: &Decoding, part: &str| {
        let mut subjects = schemas::subjects(decoding, part, pipeline.topics.names()).into_iter();
        subjects.next().filter(|_| subjects.next().is_none())
    };
    [single(&pipeline.key, "key"), single(&pipeline.value, "value")]
}

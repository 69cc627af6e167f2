//! Compiles the expressions of a file without a database.

use spanbridge_config::{Config, Error, Ingest, IngestTable, Located};

use super::super::path_resolver::PathResolver;
use super::super::variables::Variables;
use super::compiler::Compiler;

/// Compiles every expression of a pipeline.
///
/// # Errors
/// All expressions that are invalid, with their places in the file.
pub(crate) fn check_expressions(config: &Config, pipeline: &Ingest) -> Result<(), Error> {
    let variables = Variables::from(pipeline.value.unwrap);
    let mut compiler = Compiler::new(config, variables, PathResolver::default());
    for text in pipeline.tables.iter().flat_map(expressions) {
        compiler.expression(text, None);
    }
    config.errors(compiler.errors).map_or(Ok(()), Err)
}

fn expressions(table: &IngestTable) -> Vec<&Located<str>> {
    let mut texts: Vec<&Located<str>> = table.mappings().iter().map(|mapping| &mapping.expr).collect();
    match table {
        IngestTable::Rows(rows) => texts.extend(rows.filter.iter().chain(&rows.delete_when)),
        IngestTable::Aggregates(table) => {
            texts.extend(table.filter.iter().chain(table.window.as_ref().map(|window| &window.time)));
            for aggregate in &table.aggregates {
                texts.extend(aggregate.argument.iter().chain(&aggregate.filter));
            }
        }
    }
    texts
}

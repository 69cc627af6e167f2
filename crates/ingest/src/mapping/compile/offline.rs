//! The file alone, without a database.

use spanbridge_config::{Config, Error, Ingest, IngestTable, Located};

use super::super::plan::Plans;
use super::super::variables::Variables;
use super::Compiler;

/// Every expression of the pipeline that does not compile.
pub(crate) fn expressions(config: &Config, pipeline: &Ingest) -> Result<(), Error> {
    let variables = Variables::from(pipeline.value.unwrap);
    let (plans, finals, errors) = (Plans::default(), Vec::new(), Vec::new());
    let mut compiler = Compiler { config, variables, mask_key: None, plans, finals, errors };
    for text in pipeline.tables.iter().flat_map(texts) {
        compiler.expression(text, None);
    }
    config.errors(compiler.errors).map_or(Ok(()), Err)
}

fn texts(table: &IngestTable) -> Vec<&Located<str>> {
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

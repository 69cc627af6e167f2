//! The file's tables against the live ones: every mistake with its place.

mod aggregates;
mod groups;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use spanbridge_config::{Config, Error, Ingest, IngestTable, Located, Mapping};
use spanbridge_protocol::ingest::Spec;
use spanbridge_protocol::table::{Column as TableColumn, Table};
use spanbridge_schema::Decoder;

use super::expression::{Expression, VARIABLES};
use super::plan::Plans;
use super::record::Mapper;
use super::table::{Column, TableMapping};
use super::unsupported::unsupported;

const SYNTAX: &str = "SB-INGEST-001";
const TABLE: &str = "SB-INGEST-002";
const COLUMN: &str = "SB-INGEST-003";
const KEY: &str = "SB-INGEST-004";
const TYPE: &str = "SB-INGEST-005";

/// Compiles a pipeline; `tables` are those of the file that exist, in its order.
pub(crate) fn compile(
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    decoder: Decoder,
) -> Result<Mapper, Error> {
    if let Some(error) = config.errors(unsupported(config, pipeline)) {
        return Err(error);
    }
    let mut compiler = Compiler { config, plans: Plans::default(), errors: Vec::new() };
    let mut targets = Vec::new();
    let mut mappings = Vec::new();
    let mut types = Vec::new();
    for (mapping, live) in pipeline.tables.iter().zip(tables) {
        let Some(live) = live else {
            let name = mapping.table();
            compiler.error(
                name,
                TABLE,
                format!("the database has no table `{name}`"),
                "create it, or correct its name",
            );
            continue;
        };
        let compiled = match mapping {
            IngestTable::Rows(rows) => compiler.rows(rows, live),
            IngestTable::Aggregates(table) => compiler.groups(table, live),
        };
        if let Some((target, mapping)) = compiled {
            let ty = |name: &String| live.column(name).map(|column| column.ty.clone());
            types.push(target.columns.iter().filter_map(ty).collect());
            targets.push(target);
            mappings.push(mapping);
        }
    }
    if let Some(error) = config.errors(compiler.errors) {
        return Err(error);
    }
    Ok(Mapper {
        spec: Arc::new(Spec { pipeline: pipeline.name.as_str().into(), targets }),
        types,
        key: pipeline.key.format,
        uses_key: mappings.iter().any(TableMapping::reads_key),
        decoder,
        tables: mappings,
        plans: compiler.plans,
    })
}

struct Compiler<'a> {
    config: &'a Config,
    plans: Plans,
    errors: Vec<Error>,
}

impl Compiler<'_> {
    fn column(&mut self, live: &Table, mapping: &Mapping) -> Option<Column> {
        let column = self.live(live, &mapping.column)?;
        let expression = self.expression(&mapping.expr)?;
        Some(Column { name: column.name, ty: column.ty, expression })
    }

    /// The live column of that name, which must be one that can be written.
    fn live(&mut self, live: &Table, name: &Located<str>) -> Option<TableColumn> {
        match live.column(name) {
            Some(column) if !column.generated => Some(column.clone()),
            Some(_) => {
                let message = format!("column {name} of table `{}` is generated", live.name);
                self.error(name, COLUMN, message, "remove it: Spanner computes it");
                None
            }
            None => {
                let names: Vec<&str> = live.columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("table `{}` has no column {name}", live.name);
                self.error(name, COLUMN, message, format!("its columns are {}", names.join(", ")));
                None
            }
        }
    }

    fn filter(&mut self, filter: Option<&Located<str>>) -> Option<Option<Expression>> {
        match filter {
            None => Some(None),
            Some(filter) => self.expression(filter).map(Some),
        }
    }

    fn expression(&mut self, text: &Located<str>) -> Option<Expression> {
        match Expression::compile(text, &mut self.plans) {
            Ok(expression) => Some(expression),
            Err((message, part)) => {
                let span = self.config.part(text, part);
                let help = format!("write CEL over {}", VARIABLES.join(", "));
                self.errors.push(self.config.error_at(span, SYNTAX, message, help));
                None
            }
        }
    }

    fn error(
        &mut self,
        at: &Located<str>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors.push(self.config.error_at(at.span, code, message, help));
    }
}

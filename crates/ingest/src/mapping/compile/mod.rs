//! The file's tables against the live ones: every mistake with its place.

mod aggregates;
mod groups;
mod offline;
mod rows;
#[cfg(test)]
mod tests;
mod windows;

use std::sync::Arc;

use spanbridge_config::{Config, Decoding, Error, Ingest, IngestTable, Located, Mapping, Mask as ConfigMask};
use spanbridge_protocol::ingest::Spec;
use spanbridge_protocol::table::{Column as TableColumn, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Registry;

use super::decoding::Decoders;
use super::expression::Expression;
use super::final_column::FinalColumn;
use super::mask::Mask;
use super::plan::Plans;
use super::record::Mapper;
use super::table::{Column, TableMapping};
use super::variables::Variables;
use crate::schemas;
pub(crate) use offline::expressions;

const SYNTAX: &str = "SB-MAPPING-EXPRESSION";
const TABLE: &str = "SB-MAPPING-TABLE";
const COLUMN: &str = "SB-MAPPING-COLUMN";
const KEY: &str = "SB-MAPPING-KEY";
const TYPE: &str = "SB-MAPPING-TYPE";

/// Compiles a pipeline, in which each `"*"` has its columns; `tables` are those of the file that exist, in its order.
pub(crate) fn compile(
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    registry: &Registry,
) -> Result<Mapper, Error> {
    let decoders = Decoders::new(pipeline, registry);
    let mask_key = pipeline.mask_key.as_ref().map(|key| key.resolve()).transpose()?;
    let mut compiler = Compiler {
        config,
        variables: decoders.variables(),
        mask_key,
        plans: Plans::of(subjects(pipeline)),
        finals: Vec::new(),
        errors: Vec::new(),
    };
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
        spec: Arc::new(Spec { pipeline: pipeline.identity().into(), targets }),
        types,
        decoders,
        uses_key: mappings.iter().any(TableMapping::reads_key),
        tables: mappings,
        plans: compiler.plans,
        finals: compiler.finals,
    })
}

/// Where there is just one.
fn subjects(pipeline: &Ingest) -> [Option<String>; 2] {
    let only = |decoding: &Decoding, part: &str| {
        let mut subjects = schemas::subjects(decoding, part, pipeline.topics.names()).into_iter();
        subjects.next().filter(|_| subjects.next().is_none())
    };
    [only(&pipeline.key, "key"), only(&pipeline.value, "value")]
}

struct Compiler<'a> {
    config: &'a Config,
    variables: Variables,
    /// The key of hashes, when a column has one.
    mask_key: Option<String>,
    plans: Plans,
    finals: Vec<FinalColumn>,
    errors: Vec<Error>,
}

impl Compiler<'_> {
    fn column(&mut self, live: &Table, mapping: &Mapping) -> Option<Column> {
        let column = self.live(live, &mapping.column)?;
        let expression = match mapping.mask {
            None if mapping.copied => Expression::copied(&mapping.expr, &mut self.plans, &column.ty),
            None => self.expression(&mapping.expr, Some(&column.ty))?,
            // What a mask leaves has nothing to do with the schema.
            Some(mask) => {
                let expression = self.expression(&mapping.expr, None)?;
                expression.masked(self.mask(mask, mapping, &column)?)
            }
        };
        Some(Column { name: column.name, ty: column.ty, expression })
    }

    fn mask(&mut self, mask: ConfigMask, mapping: &Mapping, column: &TableColumn) -> Option<Mask> {
        let mask = match mask {
            // Configuration has seen to it that there is a key.
            ConfigMask::Hash => Mask::hash(self.mask_key.as_deref()?.as_bytes()),
            ConfigMask::Redact => Mask::Redact { nullable: column.nullable },
            ConfigMask::Partial => Mask::Partial,
        };
        if !mask.fits(&column.ty) {
            let message =
                format!("column {} is {}, and what this mask leaves is text", column.name, column.ty);
            let help = "make the column STRING, or use mask = \"redact\"";
            self.errors.push(self.config.error_at(mapping.keys.span("mask"), TYPE, message, help));
            return None;
        }
        Some(mask)
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
            Some(filter) => self.expression(filter, None).map(Some),
        }
    }

    /// With a type, a field must convert to it by its schema.
    fn expression(&mut self, text: &Located<str>, ty: Option<&Type>) -> Option<Expression> {
        match Expression::compile(text, self.variables, &mut self.plans, ty) {
            Ok(expression) => Some(expression),
            Err((message, part)) => {
                let span = self.config.part(text, part);
                let help = format!("write CEL over {}", self.variables.names().join(", "));
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

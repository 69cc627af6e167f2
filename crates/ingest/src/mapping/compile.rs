//! The file's tables against the live ones: every mistake with its place.

use std::sync::Arc;

use spanbridge_config::{
    Aggregate, AggregatesTable, Config, Error, Function as ConfigFunction, Ingest, IngestTable, Located,
    Mapping, RowsTable, SOURCE_PARTITION,
};
use spanbridge_protocol::ingest::{Function, Size, Spec, Target, TargetKind};
use spanbridge_protocol::table::{Column as TableColumn, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Decoder;

use super::expression::{Expression, VARIABLES};
use super::plan::Plans;
use super::record::Mapper;
use super::table::{Column, KeyColumn, Kind, TableMapping};

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
        key: pipeline.key,
        uses_key: mappings.iter().any(reads_key),
        decoder,
        tables: mappings,
        plans: compiler.plans,
    })
}

fn reads_key(mapping: &TableMapping) -> bool {
    let columns: Vec<&Expression> = match &mapping.kind {
        Kind::Rows(columns) => columns.iter().map(|column| &column.expression).collect(),
        Kind::Groups { key, inputs } => {
            let keys = key.iter().filter_map(|key| match key {
                KeyColumn::Group(column) => Some(&column.expression),
                KeyColumn::Window { time, .. } => Some(time),
                KeyColumn::SourcePartition => None,
            });
            keys.chain(inputs.iter().flatten().map(|column| &column.expression)).collect()
        }
    };
    columns.into_iter().chain(&mapping.filter).any(Expression::reads_key)
}

struct Compiler<'a> {
    config: &'a Config,
    plans: Plans,
    errors: Vec<Error>,
}

impl Compiler<'_> {
    fn rows(&mut self, mapping: &RowsTable, live: &Table) -> Option<(Target, TableMapping)> {
        let columns: Vec<Option<Column>> =
            mapping.columns.iter().map(|mapping| self.column(live, mapping)).collect();
        let filter = self.filter(mapping.filter.as_ref());
        let columns: Vec<Column> = columns.into_iter().collect::<Option<_>>()?;
        let place = |key: &&TableColumn| columns.iter().position(|column| column.name == key.name);
        let missing: Vec<&str> =
            live.key().iter().filter(|key| place(key).is_none()).map(|key| key.name.as_str()).collect();
        if !missing.is_empty() {
            let message = format!("key column {} of table `{}` is not mapped", missing.join(", "), live.name);
            self.error(&mapping.table, KEY, message, "map every column of the primary key");
            return None;
        }
        let required = |column: &&TableColumn| {
            !column.nullable && !column.generated && !column.has_default && column.key_ordinal.is_none()
        };
        let mapped = |column: &TableColumn| columns.iter().any(|mapped| mapped.name == column.name);
        if let Some(column) = live.columns.iter().filter(required).find(|column| !mapped(column)) {
            let message =
                format!("column {} of table `{}` is NOT NULL and not mapped", column.name, live.name);
            self.error(&mapping.table, COLUMN, message, "map it, or give it a default");
            return None;
        }
        let target = Target {
            table: live.name.as_str().into(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            key: live.key().iter().filter_map(place).collect(),
            kind: TargetKind::Rows,
        };
        let table = TableMapping {
            name: live.name.clone(),
            filter: filter?,
            tombstones: mapping.tombstones,
            kind: Kind::Rows(columns),
        };
        Some((target, table))
    }

    fn groups(&mut self, mapping: &AggregatesTable, live: &Table) -> Option<(Target, TableMapping)> {
        let mut key: Vec<(String, KeyColumn)> = Vec::new();
        for group in &mapping.group_by {
            let column = self.column(live, group)?;
            key.push((column.name.clone(), KeyColumn::Group(column)));
        }
        if let Some(window) = &mapping.window {
            let column = self.live(live, &window.start)?;
            if column.ty != Type::Timestamp {
                let message = format!("the window's start `{}` is {}, not TIMESTAMP", column.name, column.ty);
                self.error(&window.start, TYPE, message, "make the column TIMESTAMP NOT NULL");
                return None;
            }
            let time = self.expression(&window.time)?;
            let size = match Size::new(window.size) {
                Ok(size) => size,
                Err(error) => {
                    self.error(&window.start, TYPE, error.to_string(), "give the window another size");
                    return None;
                }
            };
            key.push((column.name, KeyColumn::Window { time, size }));
        }
        let owner = live.column(SOURCE_PARTITION).filter(|column| column.ty == Type::Int64);
        let Some(owner) = owner else {
            let message = format!("table `{}` has no column {SOURCE_PARTITION} INT64", live.name);
            let help = format!(
                "add `{SOURCE_PARTITION} INT64 NOT NULL` to its primary key: each row needs one owner"
            );
            self.error(&mapping.table, KEY, message, help);
            return None;
        };
        key.push((owner.name.clone(), KeyColumn::SourcePartition));
        let (columns, functions, inputs) = self.aggregates(mapping, live)?;
        let wanted: Vec<&str> = live.key().iter().map(|column| column.name.as_str()).collect();
        let mut given: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
        given.sort_by_key(|name| wanted.iter().position(|wanted| wanted == name));
        if given != wanted {
            let message = format!(
                "the group is ({}), but the primary key of table `{}` is ({})",
                given.join(", "),
                live.name,
                wanted.join(", ")
            );
            let help = "`group_by`, the window's start and SourcePartition together are the primary key";
            self.error(&mapping.table, KEY, message, help);
            return None;
        }
        key.sort_by_key(|(name, _)| wanted.iter().position(|wanted| wanted == name));
        let names = key.iter().map(|(name, _)| name.clone()).chain(columns);
        let target = Target {
            table: live.name.as_str().into(),
            columns: names.collect(),
            key: (0..key.len()).collect(),
            kind: TargetKind::Groups(functions),
        };
        let table = TableMapping {
            name: live.name.clone(),
            filter: self.filter(mapping.filter.as_ref())?,
            tombstones: mapping.tombstones,
            kind: Kind::Groups { key: key.into_iter().map(|(_, part)| part).collect(), inputs },
        };
        Some((target, table))
    }

    fn aggregates(&mut self, mapping: &AggregatesTable, live: &Table) -> Option<Aggregates> {
        let (mut columns, mut functions, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for aggregate in &mapping.aggregates {
            let column = self.live(live, &aggregate.column)?;
            let function = function(aggregate);
            let fits = match function {
                Function::Count => column.ty == Type::Int64,
                Function::Sum => matches!(column.ty, Type::Int64 | Type::Numeric | Type::Float64),
                _ => !matches!(column.ty, Type::Array(_) | Type::Json),
            };
            if !fits {
                let message = format!("column {} is {}, which this aggregate is not", column.name, column.ty);
                let help =
                    "count is INT64; sum is INT64, NUMERIC or FLOAT64; min and max are of any scalar type";
                self.error(&aggregate.column, TYPE, message, help);
                return None;
            }
            let input = match &aggregate.argument {
                None => None,
                Some(argument) => {
                    let expression = self.expression(argument)?;
                    Some(Column { name: column.name.clone(), ty: column.ty, expression })
                }
            };
            columns.push(column.name);
            functions.push(function);
            inputs.push(input);
        }
        Some((columns, functions, inputs))
    }

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

/// Columns, functions and inputs, in the order of the file.
type Aggregates = (Vec<String>, Vec<Function>, Vec<Option<Column>>);

fn function(aggregate: &Aggregate) -> Function {
    match aggregate.function {
        ConfigFunction::Count => Function::Count,
        ConfigFunction::Sum => Function::Sum,
        ConfigFunction::Min => Function::Min,
        ConfigFunction::Max => Function::Max,
    }
}

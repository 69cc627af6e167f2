//! The columns of one table must differ, and those that are named must be there.

use std::collections::HashMap;

use super::Case;
use crate::error::Kind;
use crate::read::Reader;
use crate::{
    AggregatesTable, IngestTable, Located, Ownership, RowsTable, SOURCE_PARTITION, Span, WindowKind,
};

pub(super) fn of(reader: &Reader, table: &IngestTable) {
    match table {
        IngestTable::Rows(rows) => {
            let columns = rows.columns.iter().map(|mapping| &mapping.column);
            super::duplicates(reader, columns, Case::Ignored, "column");
            version(reader, rows);
        }
        IngestTable::Aggregates(table) => {
            let columns = named(table);
            if table.ownership == Ownership::Partition {
                own_column(reader, &columns);
            }
            super::duplicates(reader, columns.iter().copied(), Case::Ignored, "column");
            companions(reader, table, &columns);
        }
    }
}

/// The columns that the file names.
fn named(table: &AggregatesTable) -> Vec<&Located<str>> {
    let mut columns: Vec<_> = table.group_by.iter().map(|mapping| &mapping.column).collect();
    if let Some(window) = &table.window {
        columns.push(&window.start);
        match &window.kind {
            WindowKind::Tumbling { .. } | WindowKind::Hopping { .. } => {}
            WindowKind::Sliding { latest, .. } => columns.push(latest),
            WindowKind::Session { end, .. } => columns.push(end),
        }
        columns.extend(&window.final_column);
    }
    columns.extend(table.aggregates.iter().map(|aggregate| &aggregate.column));
    columns
}

/// The version is compared with what the row holds, so that it must be stored. Which columns `"*"` has, only the
/// live table says.
fn version(reader: &Reader, rows: &RowsTable) {
    let Some(version) = rows.version.as_ref().filter(|_| rows.all.is_none()) else { return };
    if !rows.columns.iter().any(|mapping| mapping.column.eq_ignore_ascii_case(version)) {
        let message = format!("`version` names the column `{version}`, which is not mapped");
        let mistake = reader.mistake(Kind::Conflict, version.span, message);
        let columns: Vec<_> = rows.columns.iter().map(|mapping| mapping.column.as_str()).collect();
        reader.report(mistake.help(format!("map it, or name one of: {}", columns.join(", "))));
    }
}

fn own_column(reader: &Reader, columns: &[&Located<str>]) {
    for column in columns.iter().filter(|column| column.eq_ignore_ascii_case(SOURCE_PARTITION)) {
        let message = format!("the column `{SOURCE_PARTITION}` is the bridge's own in an aggregate table");
        let mistake = reader.mistake(Kind::Conflict, column.span, message);
        reader.report(
            mistake.help("name the column otherwise; the source partition is always part of the key"),
        );
    }
}

/// Columns that an aggregate keeps beside its own and nobody wrote.
fn companions(reader: &Reader, table: &AggregatesTable, named: &[&Located<str>]) {
    let mut taken: HashMap<String, Span> = HashMap::new();
    for column in named {
        taken.entry(column.to_ascii_lowercase()).or_insert(column.span);
    }
    for aggregate in &table.aggregates {
        for name in aggregate.companions() {
            if let Some(first) = taken.insert(name.to_ascii_lowercase(), aggregate.column.span) {
                let function = aggregate.function.name();
                let message = format!("`{function}` keeps a column `{name}`, which appears twice");
                let mistake = reader.mistake(Kind::Conflict, aggregate.column.span, message);
                reader.report(mistake.other(first, "the other one").help("rename one of them"));
            }
        }
    }
}

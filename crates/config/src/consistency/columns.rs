//! The columns of one table: all names differ, and `version` names one of them.

use std::collections::HashMap;

use super::CaseSensitivity;
use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{
    AggregatesTable, IngestTable, Located, Ownership, RowsTable, SOURCE_PARTITION, Span, WindowKind,
};

/// Checks the columns of one table.
pub(super) fn check(reader: &Reader, table: &IngestTable) {
    match table {
        IngestTable::Rows(rows) => {
            let columns = rows.columns.iter().map(|mapping| &mapping.column);
            super::report_duplicates(reader, columns, CaseSensitivity::Insensitive, "column");
            check_version(reader, rows);
        }
        IngestTable::Aggregates(table) => {
            let columns = configured_columns(table);
            if table.ownership == Ownership::Partition {
                check_source_partition(reader, &columns);
            }
            super::report_duplicates(reader, columns.iter().copied(), CaseSensitivity::Insensitive, "column");
            check_companions(reader, table, &columns);
        }
    }
}

/// Returns the columns that the file names.
fn configured_columns(table: &AggregatesTable) -> Vec<&Located<str>> {
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

/// Checks that `version` names a mapped column: the version is compared with the stored row. With `"*"`, only
/// the live table shows the columns.
fn check_version(reader: &Reader, rows: &RowsTable) {
    let Some(version) = rows.version.as_ref().filter(|_| rows.all.is_none()) else { return };
    if !rows.columns.iter().any(|mapping| mapping.column.eq_ignore_ascii_case(version)) {
        let message = format!("`version` names the column `{version}`, which is not mapped");
        let mistake = reader.mistake(ErrorKind::Conflict, version.span, message);
        let columns: Vec<_> = rows.columns.iter().map(|mapping| mapping.column.as_str()).collect();
        reader.report(mistake.help(format!("map it, or name one of: {}", columns.join(", "))));
    }
}

/// Checks that no column has the name that the bridge adds to the key.
fn check_source_partition(reader: &Reader, columns: &[&Located<str>]) {
    for column in columns.iter().filter(|column| column.eq_ignore_ascii_case(SOURCE_PARTITION)) {
        let message =
            format!("the column `{SOURCE_PARTITION}` is added by the bridge to every aggregate table");
        let mistake = reader.mistake(ErrorKind::Conflict, column.span, message);
        reader.report(mistake.help("choose another name; the source partition is always part of the key"));
    }
}

/// Checks the companion columns, which the file does not name; see
/// [`Aggregate::companions`](crate::Aggregate::companions).
fn check_companions(reader: &Reader, table: &AggregatesTable, columns: &[&Located<str>]) {
    let mut taken: HashMap<String, Span> = HashMap::new();
    for column in columns {
        taken.entry(column.to_ascii_lowercase()).or_insert(column.span);
    }
    for aggregate in &table.aggregates {
        for name in aggregate.companions() {
            if let Some(first) = taken.insert(name.to_ascii_lowercase(), aggregate.column.span) {
                let function = aggregate.function.name();
                let message = format!("`{function}` keeps a column `{name}`, which appears twice");
                let mistake = reader.mistake(ErrorKind::Conflict, aggregate.column.span, message);
                reader.report(mistake.other(first, "the other one").help("rename one of them"));
            }
        }
    }
}

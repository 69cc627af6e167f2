//! The view that merges the rows which partitions keep of one group.

use spanbridge_config::{Aggregate, AggregatesTable, Function, Ownership, WindowKind};
use spanbridge_spanner::quoted;

/// The merged view of a table, and what it lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) name: String,
    /// Nothing where rows of several partitions cannot be merged in SQL.
    pub(super) query: Option<String>,
    pub(super) left_out: Vec<String>,
}

/// Nothing for a table whose groups are whole already.
pub(super) fn merged(table: &AggregatesTable) -> Option<Merged> {
    if table.ownership == Ownership::Shared {
        return None;
    }
    let name = format!("{}Merged", table.table);
    let kind = table.window.as_ref().map(|window| &window.kind);
    if let Some(kind @ (WindowKind::Session { .. } | WindowKind::Sliding { .. })) = kind {
        let what = format!(
            "{name}: no view: the {} windows of one partition have bounds of their own, and those of several do not add \
             up; use ownership = \"shared\" for whole ones",
            kind.name()
        );
        return Some(Merged { name, query: None, left_out: vec![what] });
    }
    let mut groups: Vec<String> = table.group_by.iter().map(|group| of(&group.column)).collect();
    groups.extend(table.window.as_ref().map(|window| of(&window.start)));
    let mut columns = groups.clone();
    // The watermark is the pipeline's: a window is final once it is so in each partition.
    let last = table.window.as_ref().and_then(|window| window.final_column.as_ref());
    columns.extend(last.map(|last| format!("LOGICAL_AND({}) AS `{last}`", of(last))));
    let mut left_out = Vec::new();
    for aggregate in &table.aggregates {
        match merge(aggregate) {
            Some(merge) => columns.extend(merge),
            None => left_out.push(format!(
                "{name}: without {}: {} keeps a sketch, and a view cannot merge sketches; use ownership = \"shared\"",
                aggregate.column,
                aggregate.function.name()
            )),
        }
    }
    if columns.is_empty() {
        return Some(Merged { name, query: None, left_out });
    }
    let mut query = format!("SELECT {} FROM {} AS t", columns.join(", "), quoted(&table.table));
    if !groups.is_empty() {
        query = format!("{query} GROUP BY {}", groups.join(", "));
    }
    Some(Merged { name, query: Some(query), left_out })
}

/// Views must qualify their columns: <https://cloud.google.com/spanner/docs/views#best-practices>.
fn of(column: &str) -> String {
    format!("t.`{column}`")
}

/// The columns of one aggregate, companions behind it.
fn merge(aggregate: &Aggregate) -> Option<Vec<String>> {
    let column: &str = &aggregate.column;
    let plain = |function: &str, column: &str| format!("{function}({}) AS `{column}`", of(column));
    let (sum, count, at) = (format!("{column}Sum"), format!("{column}Count"), format!("{column}At"));
    let edge = |extreme: &str| {
        vec![
            format!("ANY_VALUE({} HAVING {extreme} {}) AS `{column}`", of(column), of(&at)),
            plain(extreme, &at),
        ]
    };
    Some(match aggregate.function {
        Function::Count | Function::Sum => vec![plain("SUM", column)],
        Function::Min => vec![plain("MIN", column)],
        Function::Max => vec![plain("MAX", column)],
        Function::Avg => vec![
            format!("SUM({}) / NULLIF(SUM({}), 0) AS `{column}`", of(&sum), of(&count)),
            plain("SUM", &sum),
            plain("SUM", &count),
        ],
        Function::First => edge("MIN"),
        Function::Last => edge("MAX"),
        Function::ApproxDistinct | Function::ApproxQuantile(_) => return None,
    })
}

pub(crate) fn statement(name: &str, query: &str) -> String {
    format!("CREATE OR REPLACE VIEW {} SQL SECURITY INVOKER AS {query}", quoted(name))
}

/// Whether a view's query is that one, but for white space.
pub(crate) fn is_same(found: &str, query: &str) -> bool {
    found.split_whitespace().eq(query.split_whitespace())
}

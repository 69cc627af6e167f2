//! The view that merges the rows of one group from several partitions.

use spanbridge_config::{Aggregate, AggregatesTable, Function, Ownership, WindowKind};
use spanbridge_spanner::quoted;

/// The merged view of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MergedView {
    pub(super) name: String,
    /// The query, or `None` if SQL cannot merge the rows of several partitions.
    pub(super) query: Option<String>,
    /// The columns that the view lacks, with the reasons.
    pub(super) left_out: Vec<String>,
}

/// Returns the merged view of a table, or `None` if each group already has a single row.
pub(super) fn merged(table: &AggregatesTable) -> Option<MergedView> {
    if table.ownership == Ownership::Shared {
        return None;
    }
    let name = format!("{}Merged", table.table);
    let kind = table.window.as_ref().map(|window| &window.kind);
    if let Some(kind @ (WindowKind::Session { .. } | WindowKind::Sliding { .. })) = kind {
        let note = format!(
            "{name}: no view: the {} windows of each partition have different bounds, so that they cannot be merged; use \
             ownership = \"shared\" for whole windows",
            kind.name()
        );
        return Some(MergedView { name, query: None, left_out: vec![note] });
    }
    let mut groups: Vec<String> = table.group_by.iter().map(|group| qualified(&group.column)).collect();
    groups.extend(table.window.as_ref().map(|window| qualified(&window.start)));
    let mut columns = groups.clone();
    // The watermark concerns the whole pipeline: a window is final once it is final in each partition.
    let last = table.window.as_ref().and_then(|window| window.final_column.as_ref());
    columns.extend(last.map(|last| format!("LOGICAL_AND({}) AS `{last}`", qualified(last))));
    let mut left_out = Vec::new();
    for aggregate in &table.aggregates {
        match merge(aggregate) {
            Some(merge) => columns.extend(merge),
            None => left_out.push(format!(
                "{name}: without {}: {} keeps a sketch, which a view cannot merge; use ownership = \"shared\"",
                aggregate.column,
                aggregate.function.name()
            )),
        }
    }
    if columns.is_empty() {
        return Some(MergedView { name, query: None, left_out });
    }
    let mut query = format!("SELECT {} FROM {} AS t", columns.join(", "), quoted(&table.table));
    if !groups.is_empty() {
        query = format!("{query} GROUP BY {}", groups.join(", "));
    }
    Some(MergedView { name, query: Some(query), left_out })
}

/// Returns a qualified column, as views require: <https://cloud.google.com/spanner/docs/views#best-practices>.
fn qualified(column: &str) -> String {
    format!("t.`{column}`")
}

/// Returns the columns of one aggregate, followed by its companions, or `None` if they cannot be merged.
fn merge(aggregate: &Aggregate) -> Option<Vec<String>> {
    let column: &str = &aggregate.column;
    let plain = |function: &str, column: &str| format!("{function}({}) AS `{column}`", qualified(column));
    let (sum, count, at) = (format!("{column}Sum"), format!("{column}Count"), format!("{column}At"));
    let first_or_last = |extreme: &str| {
        vec![
            format!("ANY_VALUE({} HAVING {extreme} {}) AS `{column}`", qualified(column), qualified(&at)),
            plain(extreme, &at),
        ]
    };
    Some(match aggregate.function {
        Function::Count | Function::Sum => vec![plain("SUM", column)],
        Function::Min => vec![plain("MIN", column)],
        Function::Max => vec![plain("MAX", column)],
        Function::Avg => vec![
            format!("SUM({}) / NULLIF(SUM({}), 0) AS `{column}`", qualified(&sum), qualified(&count)),
            plain("SUM", &sum),
            plain("SUM", &count),
        ],
        Function::First => first_or_last("MIN"),
        Function::Last => first_or_last("MAX"),
        Function::ApproxDistinct | Function::ApproxQuantile(_) => return None,
    })
}

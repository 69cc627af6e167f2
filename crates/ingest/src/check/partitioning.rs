//! Finds aggregate tables whose groups span several partitions.

use spanbridge_config::{AggregatesTable, Function, Ingest, Ownership, Unwrap};
use spanbridge_schema::Shape;

use super::report::Report;
use crate::bare_path::bare_path;
use crate::schemas::Schemas;

/// Reports a table whose groups span several partitions.
pub(super) fn check(report: &mut Report<'_>, pipeline: &Ingest, table: &AggregatesTable, schemas: &Schemas) {
    if table.ownership == Ownership::Shared || is_in_one_partition(pipeline, table, schemas) {
        return;
    }
    let name = &table.table;
    let message =
        format!("a group of `{name}` spans several partitions, and has a row in each: read the merged view");
    let help =
        "`spanbridge plan` creates the view; or use ownership = \"shared\", or group by the whole record key";
    report.note(name.span, "SB-CHECK-PARTITIONS", message, help);
    let sketches = table.aggregates.iter().filter(|aggregate| {
        matches!(aggregate.function, Function::ApproxDistinct | Function::ApproxQuantile(_))
    });
    for aggregate in sketches {
        let message = format!(
            "{} cannot be merged: {} keeps a sketch in each partition's row, and a group spans several partitions",
            aggregate.column,
            aggregate.function.name()
        );
        let help = "use ownership = \"shared\", or group by the whole record key";
        report.warning(aggregate.span, "SB-CHECK-MERGE", message, help);
    }
}

/// Returns true if all records of a group are in one partition.
///
/// Producers choose the partition by the whole key, so a group by a part of the key may be in any partition. The same key
/// is in different partitions of different topics.
fn is_in_one_partition(pipeline: &Ingest, table: &AggregatesTable, schemas: &Schemas) -> bool {
    let groups: Vec<Vec<&str>> = table
        .group_by
        .iter()
        .filter(|group| group.mask.is_none())
        .filter_map(|group| bare_path(&group.expr))
        .collect();
    let has = |path: &[&str]| groups.iter().any(|group| group.as_slice() == path);
    let by_fields = !schemas.key.versions.is_empty()
        && schemas.key.versions.iter().all(|version| match &version.shape {
            Shape::Record(record) if !record.open && !record.fields.is_empty() => {
                record.fields.iter().all(|field| has(&["key", &field.name]))
            }
            _ => false,
        });
    let by_key = has(&["key"]) || (by_fields && pipeline.value.unwrap != Unwrap::Debezium);
    by_key && (pipeline.topics.names().len() == 1 || has(&["topic"]))
}

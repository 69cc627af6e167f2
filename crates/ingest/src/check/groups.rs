//! Whether one group lives in one partition.

use spanbridge_config::{AggregatesTable, Function, Ingest, Ownership, Unwrap};
use spanbridge_schema::Shape;

use super::report::Report;
use crate::mapping::bare_path;
use crate::schemas::Schemas;

pub(super) fn check(report: &mut Report<'_>, pipeline: &Ingest, table: &AggregatesTable, schemas: &Schemas) {
    if table.ownership == Ownership::Shared || is_in_one_partition(pipeline, table, schemas) {
        return;
    }
    let name = &table.table;
    let message =
        format!("a group of `{name}` spans partitions: each has a row of its own; read the merged view");
    let help = "`spanbridge plan` makes it; or use ownership = \"shared\", or group by the whole record key";
    report.note(name.span, "SB-CHECK-PARTITIONS", message, help);
    let sketches = table.aggregates.iter().filter(|aggregate| {
        matches!(aggregate.function, Function::ApproxDistinct | Function::ApproxQuantile(_))
    });
    for aggregate in sketches {
        let message = format!(
            "{} cannot be merged: {} keeps a sketch in each partition's row, and a group spans partitions",
            aggregate.column,
            aggregate.function.name()
        );
        let help = "use ownership = \"shared\", or group by the whole record key";
        report.warning(aggregate.span, "SB-CHECK-MERGE", message, help);
    }
}

/// Producers choose the partition by the whole key, so a group that has a part of it may be anywhere; and the
/// partitions of two topics are two.
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
    let by_key = has(&["key"]) || (by_fields && pipeline.value.unwrap == Unwrap::None);
    by_key && (pipeline.topics.names().len() == 1 || has(&["topic"]))
}

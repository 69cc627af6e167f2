//! The columns that each `"*"` fills, and the fields without a column.

use spanbridge_config::{Evolve, Ingest};
use spanbridge_protocol::table::Table;

use super::report::{Report, Severity};
use crate::fields::{self, MissingColumn};
use crate::schemas::Schemas;

const FIELDS: &str = "SB-CHECK-FIELDS";
const COLUMNS: &str = "SB-CHECK-COLUMNS";

/// Checks a pipeline in which each `"*"` is expanded. One whose fields are not known has been reported already.
pub(super) fn check(report: &mut Report<'_>, pipeline: &Ingest, tables: &[Option<Table>], schemas: &Schemas) {
    for (at, rows, all) in fields::wildcard_tables(pipeline) {
        let Some(live) = tables.get(at).and_then(Option::as_ref) else { continue };
        let Ok(fields) = fields::wildcard_fields(schemas, all) else { continue };
        let copied = rows.columns.iter().filter(|mapping| mapping.copied);
        let copied: Vec<String> =
            copied.map(|mapping| format!("{} = {}", mapping.column, mapping.expr)).collect();
        let message = format!("`\"*\"` of table `{}` fills: {}", live.name, copied.join(", "));
        report.note(all.span, FIELDS, message, "an entry for a column replaces the copy of its field");
        for MissingColumn { field, newest, ddl } in fields::missing_columns(rows, all, live, &fields) {
            let message = format!("table `{}` has no column for field `{field}`", live.name);
            let (severity, help) = match (ddl, pipeline.evolve) {
                (Ok(ddl), Evolve::AddColumns) => {
                    (Severity::Note, format!("the first record with the field adds it: {ddl}"))
                }
                (Ok(ddl), Evolve::Stop) => (
                    severity_for(newest),
                    format!("the first record with the field would stop the pipeline; run: {ddl}"),
                ),
                (Err(why), _) => (
                    severity_for(newest),
                    format!(
                        "the first record with the field would stop the pipeline, and {why}: create the column by hand or map the field"
                    ),
                ),
            };
            report.add(severity, all.span, COLUMNS, message, &help);
        }
    }
}

/// Returns the severity for a newest or an older schema. The log may no longer contain records of an older one.
fn severity_for(newest: bool) -> Severity {
    if newest { Severity::Error } else { Severity::Warning }
}

//! Which columns `"*"` fills, and which fields have none.

use spanbridge_config::{Evolve, Ingest};
use spanbridge_protocol::table::Table;

use super::report::{Report, Severity};
use crate::fields::{self, Missing};
use crate::schemas::Schemas;

const FIELDS: &str = "SB-CHECK-FIELDS";
const COLUMNS: &str = "SB-CHECK-COLUMNS";

/// Of the pipeline in which each `"*"` has its columns; one whose fields are not known is reported already.
pub(super) fn check(report: &mut Report<'_>, pipeline: &Ingest, tables: &[Option<Table>], schemas: &Schemas) {
    for (at, rows, all) in fields::tables(pipeline) {
        let Some(live) = tables.get(at).and_then(Option::as_ref) else { continue };
        let Ok(fields) = fields::fields(schemas, all) else { continue };
        let copied = rows.columns.iter().filter(|mapping| mapping.copied);
        let copied: Vec<String> =
            copied.map(|mapping| format!("{} = {}", mapping.column, mapping.expr)).collect();
        let message = format!("`\"*\"` of table `{}` stands for: {}", live.name, copied.join(", "));
        report.note(all.span, FIELDS, message, "an entry of its own for a column takes its place");
        for Missing { field, newest, ddl } in fields::missing(rows, all, live, &fields) {
            let message = format!("table `{}` has no column for field `{field}`", live.name);
            let (severity, help) = match (ddl, pipeline.evolve) {
                (Ok(ddl), Evolve::AddColumns) => {
                    (Severity::Note, format!("its first record brings it: {ddl}"))
                }
                (Ok(ddl), Evolve::Stop) => {
                    (of(newest), format!("its first record would stop the pipeline; run: {ddl}"))
                }
                (Err(why), _) => (
                    of(newest),
                    format!(
                        "its first record would stop the pipeline, and {why}: make the column by hand or map the field"
                    ),
                ),
            };
            report.add(severity, all.span, COLUMNS, message, &help);
        }
    }
}

/// Records of a former writer may be in the log no more.
fn of(newest: bool) -> Severity {
    if newest { Severity::Error } else { Severity::Warning }
}

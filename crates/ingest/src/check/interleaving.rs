//! Checks that parent tables precede their interleaved children.

use spanbridge_config::Ingest;
use spanbridge_protocol::table::Table;

use super::report::Report;

/// Reports children that precede their parents. Spanner applies mutations in the order of the file's tables, and a row's
/// parent must exist first.
pub(super) fn check(report: &mut Report<'_>, pipeline: &Ingest, tables: &[Option<Table>]) {
    let places = pipeline.tables.iter().zip(tables).enumerate();
    for (at, (mapping, table)) in
        places.filter_map(|(at, (mapping, table))| Some((at, (mapping, table.as_ref()?))))
    {
        let Some(parent) = &table.parent else { continue };
        let later = tables.iter().skip(at + 1).flatten();
        if later.into_iter().any(|later| later.name.eq_ignore_ascii_case(&parent.table)) {
            let message = format!(
                "table `{}` is interleaved in `{}`, which follows it in the file: a child would be written before its parent",
                table.name, parent.table
            );
            let help = "move the parent's [[ingest.table]] before the child's";
            report.error(mapping.table().span, "SB-CHECK-INTERLEAVE", message, help);
        }
    }
}

//! Checks the other messages of Protobuf files. The payload determines which message a record contains.

use spanbridge_config::{Config, Ingest};
use spanbridge_protocol::table::Table;

use super::report::{Report, Severity};
use super::schema_fit::FitCheck;
use crate::schemas::Schemas;

const MESSAGE: &str = "SB-CHECK-MESSAGE";

/// Notes the messages that would not fit, if records contained them.
pub(super) fn check(
    report: &mut Report<'_>,
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    schemas: &Schemas,
) {
    for (part, decoding) in [(&schemas.key, &pipeline.key), (&schemas.value, &pipeline.value)] {
        for version in part.versions.iter().filter(|version| version.newest) {
            for (message, other) in version.alternatives() {
                let only = schemas.only(part.name, other);
                let mut found = Report::new(config, pipeline.identity());
                for (mapping, table) in pipeline.tables.iter().zip(tables) {
                    if let Some(table) = table {
                        FitCheck { report: &mut found, schemas: &only, table }.run(mapping);
                    }
                }
                let errors = found.findings.iter().filter(|finding| finding.severity == Severity::Error);
                let why: Vec<&str> = errors
                    .flat_map(|finding| finding.error.mistakes())
                    .map(|mistake| mistake.message())
                    .collect();
                if !why.is_empty() {
                    let message = format!("records of message {message} would not fit: {}", why.join("; "));
                    let help = "ignore this if all records contain the file's first message";
                    report.note(decoding.span, MESSAGE, message, help);
                }
            }
        }
    }
}

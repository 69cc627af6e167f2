//! Protobuf files of several messages: the payload says which one a record is.

use spanbridge_config::{Config, Ingest};
use spanbridge_protocol::table::Table;

use super::fit::Fits;
use super::report::{Report, Severity};
use crate::schemas::Schemas;

const MESSAGE: &str = "SB-CHECK-MESSAGE";

/// What would not fit of messages that the subject does not name as its records: good to know, if there are any.
pub(super) fn check(
    report: &mut Report<'_>,
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    schemas: &Schemas,
) {
    for (part, decoding) in [(&schemas.key, &pipeline.key), (&schemas.value, &pipeline.value)] {
        for version in part.versions.iter().filter(|version| version.newest) {
            for (message, other) in version.each_other() {
                let only = schemas.only(part.name, other);
                let mut found = Report::new(config, pipeline.identity());
                for (mapping, table) in pipeline.tables.iter().zip(tables) {
                    if let Some(table) = table {
                        Fits { report: &mut found, schemas: &only, table }.of(mapping);
                    }
                }
                let errors = found.findings.iter().filter(|finding| finding.severity == Severity::Error);
                let why: Vec<&str> = errors
                    .flat_map(|finding| finding.error.mistakes())
                    .map(|mistake| mistake.message())
                    .collect();
                if !why.is_empty() {
                    let message = format!("records of message {message} would not fit: {}", why.join("; "));
                    let help = "it does not matter if records are of the file's first message alone";
                    report.note(decoding.span, MESSAGE, message, help);
                }
            }
        }
    }
}

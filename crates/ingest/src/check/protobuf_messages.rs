//! Checks the messages of Protobuf files. The payload of each record determines which message it contains.

use spanbridge_config::{Config, Ingest};
use spanbridge_protocol::table::Table;

use super::report::{Report, Severity};
use super::schema_fit::FitCheck;
use crate::schemas::{PartSchemas, SchemaVersion, Schemas};

const MESSAGE: &str = "SB-CHECK-MESSAGE";

/// The check of a pipeline's messages, each against all of its tables.
pub(super) struct MessageCheck<'c> {
    pub(super) config: &'c Config,
    pub(super) pipeline: &'c Ingest,
    pub(super) tables: &'c [Option<Table>],
}

impl MessageCheck<'_> {
    /// Exchanges a file's first message with the first one that fits, if the first one does not.
    pub(super) fn choose(&self, schemas: &mut Schemas) {
        let fitting = [&schemas.key, &schemas.value].map(|part| self.fitting(schemas, part));
        for (part, fitting) in [&mut schemas.key, &mut schemas.value].into_iter().zip(fitting) {
            for version in &mut part.versions {
                fitting.iter().for_each(|message| version.choose_message(message));
            }
        }
    }

    /// Returns the first message that fits of each newest file.
    fn fitting(&self, schemas: &Schemas, part: &PartSchemas) -> Vec<String> {
        let newest = part.versions.iter().filter(|version| version.newest);
        let fitting = newest.filter_map(|version| {
            let first = (version.message.as_deref()?, version.clone());
            let mut messages = [first].into_iter().chain(version.alternatives());
            let fitting = messages.find(|(_, message)| self.misfits(schemas, part.name, message).is_empty());
            fitting.map(|(message, _)| message.to_owned())
        });
        fitting.collect()
    }

    /// Notes the messages that would not fit, if records contained them.
    pub(super) fn note_others(&self, report: &mut Report<'_>, schemas: &Schemas) {
        for (part, decoding) in [(&schemas.key, &self.pipeline.key), (&schemas.value, &self.pipeline.value)] {
            for version in part.versions.iter().filter(|version| version.newest) {
                for (message, other) in version.alternatives() {
                    let why = self.misfits(schemas, part.name, &other);
                    if !why.is_empty() {
                        let text = format!("records of message {message} would not fit: {}", why.join("; "));
                        let name = version.message.as_deref().unwrap_or_default();
                        let help = format!(
                            "if all records contain the message {name}, write message = \"{name}\" beside `format`"
                        );
                        report.note(decoding.span, MESSAGE, text, &help);
                    }
                }
            }
        }
    }

    /// Returns the reasons why a message does not fit the tables.
    fn misfits(&self, schemas: &Schemas, part: &'static str, message: &SchemaVersion) -> Vec<String> {
        let only = schemas.only(part, message.clone());
        let mut found = Report::new(self.config, self.pipeline.identity());
        for (mapping, table) in self.pipeline.tables.iter().zip(self.tables) {
            if let Some(table) = table {
                FitCheck { report: &mut found, schemas: &only, table }.run(mapping);
            }
        }
        let errors = found.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let mistakes = errors.flat_map(|finding| finding.error.mistakes());
        mistakes.map(|mistake| mistake.message().to_owned()).collect()
    }
}

//! Runs the statements in the temporary database, and collects their impact on each pipeline.

use spanbridge_config::{Script, Span};
use spanbridge_ingest::Environment;
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_publish::schema_impact::{Impact, ImpactTracker, Outcome};
use spanbridge_spanner::{Database, ErrorKind, TemporaryDatabase};

use super::error_position;
use super::statement::Statement;
use super::statement_kind::StatementKind;
use crate::check::live::LiveCheck;
use crate::check::report::{DdlReport, PipelineReport, StatementReport};
use crate::error::Result;

/// The code of a statement that Spanner refuses, or that cannot be split from the file.
pub(super) const DDL_CODE: &str = "SB-CHECK-DDL";

/// A dry run of statements in a temporary database.
pub(super) struct DryRun<'a> {
    pub(super) live: &'a LiveCheck<'a>,
    pub(super) script: &'a Script,
    pub(super) statements: &'a [Statement],
}

impl DryRun<'_> {
    /// Runs the statements in order, up to the first that Spanner refuses. Adds the impact of each to the reports of the
    /// publish pipelines, and the findings of the final schema to the reports of the ingest pipelines.
    pub(super) async fn run(
        &self,
        temporary: &TemporaryDatabase,
        reports: &mut [PipelineReport],
    ) -> Result<DdlReport> {
        let database = temporary.database().await?;
        let mut trackers = self.trackers(&database).await?;
        let file = self.script.name().to_owned();
        let mut ddl = DdlReport { file, findings: Vec::new(), statements: Vec::new() };
        for statement in self.statements {
            let kind = StatementKind::of(&statement.text);
            let mut effect = match kind {
                StatementKind::Database => {
                    "not tried, because it is about the database itself; no effect on what is published"
                }
                StatementKind::Harmless | StatementKind::Other => "no effect on what is published",
            };
            if kind != StatementKind::Database
                && let Err(error) = temporary.run(&statement.text).await
            {
                match error.kind() {
                    ErrorKind::Unavailable | ErrorKind::Denied => return Err(error.into()),
                    _ => ddl.findings.push(self.refusal(statement, &error)),
                }
                let effect = "refused by Spanner; the statements after it were not tried";
                ddl.statements.push(self.statement_report(statement, effect));
                break;
            }
            if kind == StatementKind::Other {
                for tracker in &mut trackers {
                    let impacts = tracker.impact_of_last_statement(&database).await?;
                    if !impacts.is_empty() {
                        effect = "changes what is published; see above";
                    }
                    let findings = impacts.into_iter().map(|impact| self.finding(statement, impact));
                    let report = reports.iter_mut().find(|report| report.is_of_publish(tracker.pipeline()));
                    if let Some(report) = report {
                        report.findings.extend(findings);
                    }
                }
            }
            ddl.statements.push(self.statement_report(statement, effect));
        }
        self.check_mappings(&database, reports).await?;
        Ok(ddl)
    }

    async fn trackers(&self, database: &Database) -> Result<Vec<ImpactTracker<'_>>> {
        let LiveCheck { config, registry, kafka, selection, .. } = self.live;
        let mut trackers = Vec::new();
        for pipeline in &selection.publish {
            trackers.push(ImpactTracker::start(config, pipeline, database, registry, kafka).await?);
        }
        Ok(trackers)
    }

    /// Checks the ingest mappings against the schema after the last statement, and reports findings that are new.
    async fn check_mappings(&self, database: &Database, reports: &mut [PipelineReport]) -> Result<()> {
        let LiveCheck { config, registry, kafka, selection, .. } = self.live;
        let live = Environment { config, database, registry };
        for pipeline in &selection.ingest {
            let Some(report) = reports.iter_mut().find(|report| report.is_of_ingest(pipeline.identity()))
            else {
                continue;
            };
            let after = check::live(&live, kafka, pipeline).await?;
            let known: Vec<String> =
                report.findings.iter().map(|finding| finding.error.to_string()).collect();
            let new =
                after.findings.into_iter().filter(|finding| !known.contains(&finding.error.to_string()));
            for Finding { severity, error } in new {
                for mistake in error.mistakes() {
                    let message = format!("after these statements: {}", mistake.message());
                    let help = mistake.help_text().unwrap_or_default();
                    let error = config.error_at(mistake.span(), mistake.kind().code(), message, help);
                    report.findings.push(Finding { severity, error });
                }
            }
        }
        Ok(())
    }

    fn finding(&self, statement: &Statement, impact: Impact) -> Finding {
        let Impact { outcome, code, message, help } = impact;
        let severity = match outcome {
            Outcome::Changes => Severity::Note,
            Outcome::Ends => Severity::Warning,
            Outcome::DeadLetters | Outcome::Stops => Severity::Error,
        };
        Finding { severity, error: self.script.error_at(first_line(statement), code, message, help) }
    }

    /// Returns the finding for a refused statement, at the position that Spanner names, if any.
    fn refusal(&self, statement: &Statement, error: &spanbridge_spanner::Error) -> Finding {
        let message = format!("Spanner refuses the statement: {error}");
        let help = "correct it and check again; the statements before it were tried, those after it were not";
        let span = match error_position::find(&statement.text, &error.to_string()) {
            Some(offset) => {
                let at = statement.range.start + offset;
                Span { start: at, end: (at + 1).min(statement.range.end).max(at) }
            }
            None => first_line(statement),
        };
        Finding { severity: Severity::Error, error: self.script.error_at(span, DDL_CODE, message, help) }
    }

    fn statement_report(&self, statement: &Statement, effect: &'static str) -> StatementReport {
        StatementReport { position: self.script.position(first_line(statement)), effect }
    }
}

fn first_line(statement: &Statement) -> Span {
    let line = statement.text.lines().next().unwrap_or_default();
    Span { start: statement.range.start, end: statement.range.start + line.trim_end().len() }
}

use spanbridge::Result;
use spanbridge_config::{Error as ConfigError, Script, Span};
use spanbridge_ingest::Live;
use spanbridge_ingest::check::{self, Finding, Severity};
use spanbridge_publish::schema_impact::{Catalog, Impact, ImpactAnalysis, Outcome};
use spanbridge_spanner::{Database, ErrorKind, TemporaryDatabase};

use super::kind::Kind;
use super::{DDL, Line, Statement, Tried, place};
use crate::check::Parts;
use crate::check::said::Said;
use crate::service::{of_ingest, of_publish};

/// Statements on their database.
pub(super) struct Trial<'a> {
    pub(super) parts: &'a Parts<'a>,
    pub(super) script: &'a Script,
    pub(super) statements: &'a [Statement],
}

/// A publish pipeline, and what it depends on as the last statement has left it.
struct Watched<'a> {
    name: &'a str,
    foresight: ImpactAnalysis<'a>,
    catalog: Catalog,
}

impl Trial<'_> {
    /// Runs one after the other and looks what has become of each pipeline's tables, up to the first that Spanner refuses.
    pub(super) async fn run(&self, scratch: &TemporaryDatabase, said: &mut [Said]) -> Result<Tried> {
        let database = scratch.database().await?;
        let mut watched = self.watched(&database).await?;
        let mut tried =
            Tried { file: self.script.name().to_owned(), findings: Vec::new(), statements: Vec::new() };
        for statement in self.statements {
            let kind = Kind::of(&statement.text);
            let mut effect = match kind {
                Kind::OfDatabase => {
                    "not tried: it is about the database itself; no effect on what is published"
                }
                Kind::Harmless | Kind::Other => "no effect on what is published",
            };
            if kind != Kind::OfDatabase
                && let Err(error) = scratch.run(&statement.text).await
            {
                match error.kind() {
                    ErrorKind::Unavailable | ErrorKind::Denied => return Err(error.into()),
                    _ => tried.findings.push(self.refused(statement, &error)),
                }
                tried
                    .statements
                    .push(self.line(statement, "refused by Spanner; what is behind it was not tried"));
                break;
            }
            if kind == Kind::Other {
                for watched in &mut watched {
                    let foreseen = watched.step(self.parts, &database).await?;
                    if !foreseen.is_empty() {
                        effect = "changes what is published; see above";
                    }
                    let findings = foreseen.into_iter().map(|foreseen| self.finding(statement, foreseen));
                    if let Some(said) = said.iter_mut().find(|said| said.is_of_publish(watched.name)) {
                        said.findings.extend(findings);
                    }
                }
            }
            tried.statements.push(self.line(statement, effect));
        }
        self.mappings(&database, said).await?;
        Ok(tried)
    }

    async fn watched(&self, database: &Database) -> Result<Vec<Watched<'_>>> {
        let Parts { config, registry, kafka, chosen, .. } = self.parts;
        let mut watched = Vec::new();
        for pipeline in &chosen.publish {
            let foresight = ImpactAnalysis::new(pipeline, registry, kafka)?;
            let catalog = foresight.read(config, database).await.map_err(of_publish)?;
            watched.push(Watched { name: &pipeline.name, foresight, catalog });
        }
        Ok(watched)
    }

    /// What the ingest pipelines' mappings have against the tables as they are at the end, and had not before.
    async fn mappings(&self, database: &Database, said: &mut [Said]) -> Result<()> {
        let Parts { config, registry, kafka, chosen, .. } = self.parts;
        let live = Live { config, database, registry };
        for pipeline in &chosen.ingest {
            let Some(said) = said.iter_mut().find(|said| said.is_of_ingest(pipeline.identity())) else {
                continue;
            };
            let report = check::live(&live, kafka, pipeline).await.map_err(of_ingest)?;
            let known: Vec<String> = said.findings.iter().map(|finding| finding.error.to_string()).collect();
            let new =
                report.findings.into_iter().filter(|finding| !known.contains(&finding.error.to_string()));
            for Finding { severity, error } in new {
                for mistake in error.mistakes() {
                    let message = format!("behind these statements: {}", mistake.message());
                    let help = mistake.help_text().unwrap_or_default();
                    let code = mistake.kind().code();
                    said.findings.push(Finding {
                        severity,
                        error: config.error_at(mistake.span(), code, message, help),
                    });
                }
            }
        }
        Ok(())
    }

    fn finding(&self, statement: &Statement, foreseen: Impact) -> Finding {
        let Impact { outcome, code, message, help } = foreseen;
        let severity = match outcome {
            Outcome::Changes => Severity::Note,
            Outcome::Ends => Severity::Warning,
            Outcome::DeadLetters | Outcome::Stops => Severity::Error,
        };
        Finding { severity, error: self.script.error_at(first_line(statement), code, message, help) }
    }

    /// At the place that Spanner names, if it names one.
    fn refused(&self, statement: &Statement, error: &spanbridge_spanner::Error) -> Finding {
        let message = format!("Spanner refuses it: {error}");
        let help = "the statements in front of it were tried; correct it, and see what is behind it";
        let span = match place::find(&statement.text, &error.to_string()) {
            Some(offset) => {
                let at = statement.range.start + offset;
                Span { start: at, end: (at + 1).min(statement.range.end).max(at) }
            }
            None => first_line(statement),
        };
        let error: ConfigError = self.script.error_at(span, DDL, message, help);
        Finding { severity: Severity::Error, error }
    }

    fn line(&self, statement: &Statement, effect: &'static str) -> Line {
        Line { position: self.script.position(first_line(statement)), effect }
    }
}

impl Watched<'_> {
    async fn step(&mut self, parts: &Parts<'_>, database: &Database) -> Result<Vec<Impact>> {
        let after = self.foresight.read(parts.config, database).await.map_err(of_publish)?;
        let foreseen = self.foresight.compare(&self.catalog, &after).await.map_err(of_publish)?;
        // A stream that comes again is compared with what it was.
        if after.has_stream() || !self.catalog.has_stream() {
            self.catalog = after;
        }
        Ok(foreseen)
    }
}

fn first_line(statement: &Statement) -> Span {
    let line = statement.text.lines().next().unwrap_or_default();
    Span { start: statement.range.start, end: statement.range.start + line.trim_end().len() }
}

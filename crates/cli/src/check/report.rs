//! The report of a check, printed for people or as JSON for programs.

use serde_json::{Value, json};
use spanbridge_config::{Ingest, Publish};
use spanbridge_ingest::check::{self, Finding};
use spanbridge_publish::schema_impact::TableSubjects;

use super::diagnostic::{FindingDiagnostic, severity_name};
use super::guarantee::guarantee;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Ingest,
    Publish,
}

/// The report on one pipeline.
#[derive(Debug)]
pub(super) struct PipelineReport {
    service: Service,
    pipeline: String,
    pub(super) findings: Vec<Finding>,
    guarantee: Vec<String>,
    /// The subjects of the published tables, which only a live check knows.
    subjects: Vec<TableSubjects>,
}

impl PipelineReport {
    pub(super) fn of_ingest(pipeline: &Ingest, findings: Vec<Finding>) -> Self {
        Self {
            service: Service::Ingest,
            pipeline: pipeline.identity().to_owned(),
            findings,
            guarantee: check::guarantee(pipeline),
            subjects: Vec::new(),
        }
    }

    pub(super) fn of_publish(
        pipeline: &Publish,
        findings: Vec<Finding>,
        subjects: Vec<TableSubjects>,
    ) -> Self {
        Self {
            service: Service::Publish,
            pipeline: pipeline.name.to_string(),
            findings,
            guarantee: guarantee(pipeline),
            subjects,
        }
    }

    /// Returns true for the report on the ingest pipeline with this identity.
    pub(super) fn is_of_ingest(&self, pipeline: &str) -> bool {
        self.service == Service::Ingest && self.pipeline == pipeline
    }

    /// Returns true for the report on the publish pipeline with this name.
    pub(super) fn is_of_publish(&self, pipeline: &str) -> bool {
        self.service == Service::Publish && self.pipeline == pipeline
    }
}

/// The report on a file of DDL statements.
#[derive(Debug)]
pub(super) struct DdlReport {
    pub(super) file: String,
    /// The findings about the statements themselves. Their impact on a pipeline is in the pipeline's report.
    pub(super) findings: Vec<Finding>,
    pub(super) statements: Vec<StatementReport>,
}

/// The report on one statement.
#[derive(Debug)]
pub(super) struct StatementReport {
    /// The line and column of the statement, from 1.
    pub(super) position: (usize, usize),
    pub(super) effect: &'static str,
}

/// Prints the report on a pipeline: findings to standard error, the rest to standard output.
pub(super) fn print(report: &PipelineReport) {
    print_findings(&report.findings);
    println!("{}:", report.pipeline);
    for sentence in &report.guarantee {
        println!("  {sentence}");
    }
    for TableSubjects { table, topic, key, value } in &report.subjects {
        let subjects = match (key, value) {
            (Some(key), Some(value)) => format!("subjects {key} and {value}"),
            (Some(one), None) | (None, Some(one)) => format!("subject {one}"),
            (None, None) => "no subject".to_owned(),
        };
        println!("  {table}: topic {topic}, {subjects}.");
    }
}

/// Prints the report on DDL statements: findings to standard error, statements to standard output.
pub(super) fn print_ddl(report: &DdlReport) {
    print_findings(&report.findings);
    println!("{}:", report.file);
    for StatementReport { position: (line, column), effect } in &report.statements {
        println!("  {line}:{column}: {effect}");
    }
}

fn print_findings(findings: &[Finding]) {
    for finding in findings {
        eprintln!("{:?}", miette::Report::new(FindingDiagnostic(finding.clone())));
    }
}

/// Returns the JSON document of all reports. Its keys are stable.
pub(super) fn document(reports: &[PipelineReport], ddl: Option<&DdlReport>) -> Value {
    Value::Array(reports.iter().map(pipeline_document).chain(ddl.map(ddl_document)).collect())
}

fn pipeline_document(report: &PipelineReport) -> Value {
    let subjects = report
        .subjects
        .iter()
        .map(|of| json!({ "table": of.table, "topic": of.topic, "key": of.key, "value": of.value }));
    json!({
        "pipeline": report.pipeline,
        "findings": report.findings.iter().map(finding_document).collect::<Vec<_>>(),
        "guarantee": report.guarantee,
        "subjects": subjects.collect::<Vec<_>>(),
    })
}

fn ddl_document(report: &DdlReport) -> Value {
    let statements = report.statements.iter().map(|statement| {
        let (line, column) = statement.position;
        json!({ "line": line, "column": column, "effect": statement.effect })
    });
    json!({
        "ddl": report.file,
        "findings": report.findings.iter().map(finding_document).collect::<Vec<_>>(),
        "statements": statements.collect::<Vec<_>>(),
    })
}

fn finding_document(finding: &Finding) -> Value {
    let (line, column) = finding.error.position();
    let mistake = finding.error.mistakes().next();
    json!({
        "severity": severity_name(finding.severity),
        "code": finding.error.kind().code(),
        "file": finding.error.file(),
        "line": line,
        "column": column,
        "message": mistake.map(|mistake| mistake.message()),
        "help": mistake.and_then(|mistake| mistake.help_text()),
    })
}

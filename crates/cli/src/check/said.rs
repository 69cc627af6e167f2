//! What a check says, for a person and for a program.

use std::fmt::Display;

use miette::{Diagnostic, LabeledSpan, SourceCode};
use serde_json::{Value, json};
use spanbridge_ingest::check::{Finding, Severity};
use spanbridge_publish::schema_impact::TableSubjects;

use super::ddl::Tried;

/// Which of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ingest,
    Publish,
}

/// What is said of one pipeline.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) side: Side,
    pub(super) pipeline: String,
    pub(super) findings: Vec<Finding>,
    pub(super) guarantee: Vec<String>,
    /// Of the tables that are published; known of live ones alone.
    pub(super) subjects: Vec<TableSubjects>,
}

impl Said {
    pub(super) fn is_of_ingest(&self, pipeline: &str) -> bool {
        self.side == Side::Ingest && self.pipeline == pipeline
    }

    pub(super) fn is_of_publish(&self, pipeline: &str) -> bool {
        self.side == Side::Publish && self.pipeline == pipeline
    }
}

pub(super) fn print(said: &Said) {
    show(&said.findings);
    println!("{}:", said.pipeline);
    for sentence in &said.guarantee {
        println!("  {sentence}");
    }
    for TableSubjects { table, topic, key, value } in &said.subjects {
        let subjects = match (key, value) {
            (Some(key), Some(value)) => format!("subjects {key} and {value}"),
            (Some(one), None) | (None, Some(one)) => format!("subject {one}"),
            (None, None) => "no subject".to_owned(),
        };
        println!("  {table}: topic {topic}, {subjects}.");
    }
}

/// Findings to standard error, statements to standard output.
pub(super) fn print_tried(tried: &Tried) {
    show(&tried.findings);
    println!("{}:", tried.file);
    for line in &tried.statements {
        let (row, column) = line.position;
        println!("  {row}:{column}: {}", line.effect);
    }
}

fn show(findings: &[Finding]) {
    for finding in findings {
        eprintln!("{:?}", miette::Report::new(Shown(finding.clone())));
    }
}

pub(super) fn document(said: &[Said], tried: Option<&Tried>) -> Value {
    let finding = |finding: &Finding| {
        let (line, column) = finding.error.position();
        let mistake = finding.error.mistakes().next();
        json!({
            "severity": name(finding.severity),
            "code": finding.error.kind().code(),
            "file": finding.error.file(),
            "line": line,
            "column": column,
            "message": mistake.map(|mistake| mistake.message()),
            "help": mistake.and_then(|mistake| mistake.help_text()),
        })
    };
    let pipeline = |said: &Said| {
        let findings: Vec<Value> = said.findings.iter().map(finding).collect();
        let subjects = said
            .subjects
            .iter()
            .map(|of| json!({ "table": of.table, "topic": of.topic, "key": of.key, "value": of.value }));
        let subjects: Vec<Value> = subjects.collect();
        json!({
            "pipeline": said.pipeline,
            "findings": findings,
            "guarantee": said.guarantee,
            "subjects": subjects,
        })
    };
    let of_ddl = |tried: &Tried| {
        let findings: Vec<Value> = tried.findings.iter().map(finding).collect();
        let statements = tried.statements.iter().map(|statement| {
            let (line, column) = statement.position;
            json!({ "line": line, "column": column, "effect": statement.effect })
        });
        let statements: Vec<Value> = statements.collect();
        json!({ "ddl": tried.file, "findings": findings, "statements": statements })
    };
    Value::Array(said.iter().map(pipeline).chain(tried.map(of_ddl)).collect())
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// A finding as miette shows it.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Finding);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", name(self.0.severity), self.0.error)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.0.error.code()
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Note => miette::Severity::Advice,
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.0.error.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.error.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.0.error.labels()
    }
}

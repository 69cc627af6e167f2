use spanbridge_config::{Config, Error, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Some records may not pass.
    Warning,
    /// It does not run, or records do not pass.
    Error,
}

/// One finding, with its place, code and what to do.
#[derive(Debug, Clone)]
pub struct Finding {
    pub severity: Severity,
    pub error: Error,
}

/// What was found of one pipeline.
#[derive(Debug)]
pub struct Report<'a> {
    config: &'a Config,
    pub pipeline: String,
    pub findings: Vec<Finding>,
    /// What the pipeline promises, a sentence each.
    pub guarantee: Vec<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(config: &'a Config, pipeline: &str) -> Self {
        Self { config, pipeline: pipeline.to_owned(), findings: Vec::new(), guarantee: Vec::new() }
    }

    pub(super) fn mistake(&mut self, error: Error) {
        self.findings.push(Finding { severity: Severity::Error, error });
    }

    pub(super) fn error(&mut self, at: Span, code: &'static str, message: String, help: &str) {
        self.add(Severity::Error, at, code, message, help);
    }

    pub(super) fn warning(&mut self, at: Span, code: &'static str, message: String, help: &str) {
        self.add(Severity::Warning, at, code, message, help);
    }

    pub(super) fn note(&mut self, at: Span, code: &'static str, message: String, help: &str) {
        self.add(Severity::Note, at, code, message, help);
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        at: Span,
        code: &'static str,
        message: String,
        help: &str,
    ) {
        let error = self.config.error_at(at, code, message, help);
        self.findings.push(Finding { severity, error });
    }
}

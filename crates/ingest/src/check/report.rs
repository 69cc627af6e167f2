use spanbridge_config::{Config, Error, Span};

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Information only.
    Note,
    /// Some records may become dead letters.
    Warning,
    /// The pipeline does not start, or records become dead letters.
    Error,
}

/// One finding, with its place, code and help.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The message with its place, code and help.
    pub error: Error,
}

/// All findings about one pipeline.
#[derive(Debug)]
pub struct Report<'a> {
    config: &'a Config,
    /// The identity of the pipeline.
    pub pipeline: String,
    /// The findings in the order of the checks.
    pub findings: Vec<Finding>,
    /// The promises of the pipeline, one sentence each.
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

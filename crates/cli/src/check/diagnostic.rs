use std::fmt::{self, Display};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use spanbridge_ingest::check::{Finding, Severity};

/// A finding in the form that miette prints.
#[derive(Debug)]
pub(super) struct FindingDiagnostic(pub(super) Finding);

/// Returns the name of a severity in the output.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

impl Display for FindingDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", severity_name(self.0.severity), self.0.error)
    }
}

impl std::error::Error for FindingDiagnostic {}

impl Diagnostic for FindingDiagnostic {
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

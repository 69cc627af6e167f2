//! Mistakes in a configuration file, and how they are shown.
//!
//! A [`Mistake`] has a place, a kind with a stable code, a message and a help text. An [`Error`] holds all
//! mistakes of a file in file order. Both are miette diagnostics, so a terminal shows the lines of the file.
//! Messages quote names and values of the file, but never a value that comes from a reference or a key that
//! is a secret.

use std::fmt::{self, Display};

use miette::{Diagnostic, LabeledSpan, SourceCode};

use crate::Span;
use crate::source_file::SourceFile;

/// The maximum number of mistakes that are reported together.
const MAX_REPORTED: usize = 50;
/// The maximum length of a message in bytes. Keys of the file, which messages contain, may have any length.
const MAX_MESSAGE_BYTES: usize = 600;

/// The kind of a mistake. Each kind has a stable [code](Self::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be read, is too large or is not UTF-8. `SB-CONFIG-UNREADABLE`
    Unreadable,
    /// The file is not TOML. `SB-CONFIG-SYNTAX`
    Syntax,
    /// The file has a key that does not exist. `SB-CONFIG-UNKNOWN-KEY`
    UnknownKey,
    /// A required key is missing. `SB-CONFIG-MISSING-KEY`
    MissingKey,
    /// A value has the wrong TOML type. `SB-CONFIG-TYPE`
    Type,
    /// A value has the right type but no meaning here. `SB-CONFIG-VALUE`
    Value,
    /// A number, duration or size is out of its bounds. `SB-CONFIG-RANGE`
    Bounds,
    /// An option exists but this version does not implement it. `SB-CONFIG-UNSUPPORTED`
    Unsupported,
    /// Two entries contradict each other. `SB-CONFIG-CONFLICT`
    Conflict,
    /// A reference cannot be resolved, or the file contains a secret itself. `SB-CONFIG-SECRET`
    Secret,
    /// A Kafka property is set by the bridge. `SB-CONFIG-RESERVED-PROPERTY`
    Reserved,
    /// A service found the mistake and gave it its own code; see
    /// [`Config::error_at`](crate::Config::error_at).
    Service(&'static str),
}

impl ErrorKind {
    /// Returns the stable code of this kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "SB-CONFIG-UNREADABLE",
            Self::Syntax => "SB-CONFIG-SYNTAX",
            Self::UnknownKey => "SB-CONFIG-UNKNOWN-KEY",
            Self::MissingKey => "SB-CONFIG-MISSING-KEY",
            Self::Type => "SB-CONFIG-TYPE",
            Self::Value => "SB-CONFIG-VALUE",
            Self::Bounds => "SB-CONFIG-RANGE",
            Self::Unsupported => "SB-CONFIG-UNSUPPORTED",
            Self::Conflict => "SB-CONFIG-CONFLICT",
            Self::Secret => "SB-CONFIG-SECRET",
            Self::Reserved => "SB-CONFIG-RESERVED-PROPERTY",
            Self::Service(code) => code,
        }
    }
}

/// One mistake at one place. `Display` shows only the message; [`Mistake::position`] has the place.
#[derive(Debug, Clone)]
pub struct Mistake(Box<MistakeDetails>);

#[derive(Debug, Clone)]
struct MistakeDetails {
    source: SourceFile,
    kind: ErrorKind,
    span: Span,
    message: String,
    help: Option<String>,
    /// A second place that belongs to the mistake, and its label.
    other: Option<(Span, &'static str)>,
}

impl Mistake {
    pub(crate) fn new(source: &SourceFile, kind: ErrorKind, span: Span, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            message.push('…');
        }
        let span = source.clamp(span);
        Self(Box::new(MistakeDetails {
            source: source.clone(),
            kind,
            span,
            message,
            help: None,
            other: None,
        }))
    }

    /// Sets the help text, which says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Sets a second place with its label.
    pub(crate) fn other(mut self, span: Span, label: &'static str) -> Self {
        self.0.other = Some((self.0.source.clamp(span), label));
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message, which says what is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the help text, which says what to do.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Returns the place in the file.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Returns line and column (in characters), both from 1.
    pub fn position(&self) -> (usize, usize) {
        self.0.source.position(self.0.span)
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.0.kind.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.0.source.named())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = LabeledSpan::new_primary_with_span(Some("here".to_owned()), underline(self.0.span));
        let other = self
            .0
            .other
            .map(|(span, label)| LabeledSpan::new_with_span(Some(label.to_owned()), underline(span)));
        Some(Box::new(std::iter::once(here).chain(other)))
    }
}

fn underline(span: Span) -> (usize, usize) {
    (span.start, span.len())
}

/// The mistakes of a configuration file: one [`Mistake`] or several, in file order.
///
/// `Display` shows one line per mistake for logs: `file:line:column: message`. As a [`miette::Diagnostic`] it
/// shows the lines of the file, with secrets hidden.
#[derive(Clone)]
pub struct Error {
    first: Mistake,
    more: Vec<Mistake>,
    unreported: usize,
}

impl Error {
    /// Combines mistakes; `None` if there are none.
    pub(crate) fn from_mistakes(mut mistakes: Vec<Mistake>) -> Option<Self> {
        mistakes.sort_by_key(Mistake::span);
        let unreported = mistakes.len().saturating_sub(MAX_REPORTED);
        mistakes.truncate(MAX_REPORTED);
        let mut mistakes = mistakes.into_iter();
        let first = mistakes.next()?;
        Some(Self { first, more: mistakes.collect(), unreported })
    }

    /// Returns the kind of the first mistake.
    pub fn kind(&self) -> ErrorKind {
        self.first.kind()
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        self.first.0.source.name()
    }

    /// Returns line and column of the first mistake, both from 1.
    pub fn position(&self) -> (usize, usize) {
        self.first.position()
    }

    /// Returns the mistakes in file order, at most 50 of them.
    pub fn mistakes(&self) -> impl Iterator<Item = &Mistake> {
        std::iter::once(&self.first).chain(&self.more)
    }

    fn single(&self) -> Option<&Mistake> {
        self.more.is_empty().then_some(&self.first)
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Self { first: mistake, more: Vec::new(), unreported: 0 }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let (line, column) = mistake.position();
            write!(f, "{separator}{}:{line}:{column}: {mistake}", self.file())?;
        }
        match self.unreported {
            0 => Ok(()),
            count => write!(f, "\n{}: {count} more mistakes", self.file()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("mistakes", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {}

/// A single mistake is shown directly. Several are shown one by one below the list of all.
impl Diagnostic for Error {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.single().and_then(Diagnostic::code)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.single().and_then(Diagnostic::help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.first.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.single().and_then(Diagnostic::labels)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.single().is_some() {
            return None;
        }
        Some(Box::new(self.mistakes().map(|mistake| mistake as &dyn Diagnostic)))
    }
}

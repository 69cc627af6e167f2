//! What is wrong with a configuration file, and where.

use std::fmt::{self, Display};

use miette::{Diagnostic, LabeledSpan, SourceCode};

use crate::Span;
use crate::source::Source;

/// At most so many mistakes of one file are reported together.
const REPORTED: usize = 50;
/// A message is cut after so many bytes: a key of the file may be of any length.
const LONGEST: usize = 600;

/// What kind of mistake it is; each kind has a stable [code](Self::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The file cannot be read, is too large or is not UTF-8. `SB-CONFIG-UNREADABLE`
    Unreadable,
    /// It is not TOML. `SB-CONFIG-SYNTAX`
    Syntax,
    /// A key that the contract does not have. `SB-CONFIG-UNKNOWN-KEY`
    UnknownKey,
    /// A key that must be there. `SB-CONFIG-MISSING-KEY`
    MissingKey,
    /// A value of the wrong TOML type. `SB-CONFIG-TYPE`
    Type,
    /// A value of the right type that means nothing here. `SB-CONFIG-VALUE`
    Value,
    /// A number, duration or size out of its bounds. `SB-CONFIG-RANGE`
    Bounds,
    /// The contract has it, this version does not carry it out. `SB-CONFIG-UNSUPPORTED`
    Unsupported,
    /// Two entries contradict each other. `SB-CONFIG-CONFLICT`
    Conflict,
    /// A secret or reference cannot be resolved, or stands in the file itself. `SB-CONFIG-SECRET`
    Secret,
    /// A Kafka property that is the bridge's own. `SB-CONFIG-RESERVED-PROPERTY`
    Reserved,
    /// Found by a service, with its own code: see [`Config::error_at`](crate::Config::error_at).
    Service(&'static str),
}

impl Kind {
    /// The stable code.
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

/// One mistake at one place. `Display` is the message alone; the place is in [`Mistake::position`].
#[derive(Debug, Clone)]
pub struct Mistake(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    source: Source,
    kind: Kind,
    span: Span,
    message: String,
    help: Option<String>,
    /// A second place that belongs to it, and what it is.
    other: Option<(Span, &'static str)>,
}

impl Mistake {
    pub(crate) fn new(source: &Source, kind: Kind, span: Span, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST {
            message.truncate(message.floor_char_boundary(LONGEST));
            message.push('…');
        }
        let span = source.clamp(span);
        Self(Box::new(Inner { source: source.clone(), kind, span, message, help: None, other: None }))
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    pub(crate) fn other(mut self, span: Span, label: &'static str) -> Self {
        self.0.other = Some((self.0.source.clamp(span), label));
        self
    }

    /// What kind of mistake it is, with its code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be right.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Its place in the file.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Line and column (in characters), both from 1.
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

/// All that is wrong with a configuration file: one [`Mistake`] or several, in file order.
///
/// `Display` is one line per mistake, `file:line:column: message`, for logs. As a
/// [`miette::Diagnostic`] it shows the lines of the file themselves, with secrets masked.
#[derive(Clone)]
pub struct Error {
    first: Mistake,
    more: Vec<Mistake>,
    unreported: usize,
}

impl Error {
    /// None when there is no mistake.
    pub(crate) fn of(mut mistakes: Vec<Mistake>) -> Option<Self> {
        mistakes.sort_by_key(Mistake::span);
        let unreported = mistakes.len().saturating_sub(REPORTED);
        mistakes.truncate(REPORTED);
        let mut mistakes = mistakes.into_iter();
        let first = mistakes.next()?;
        Some(Self { first, more: mistakes.collect(), unreported })
    }

    /// What kind of mistake the first one is.
    pub fn kind(&self) -> Kind {
        self.first.kind()
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        self.first.0.source.name()
    }

    /// Line and column of the first mistake, from 1.
    pub fn position(&self) -> (usize, usize) {
        self.first.position()
    }

    /// The mistakes, in file order, at most 50 of them.
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

/// One mistake is shown by itself; several are shown each below the list of all.
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

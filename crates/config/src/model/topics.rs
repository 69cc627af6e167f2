//! `topics` or `topics_pattern` of an ingest pipeline.

use regex_syntax::ast::{self, Ast, parse::Parser};

use crate::consistency::CaseSensitivity;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{Located, Span};

/// The topics that an ingest pipeline reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// `topics`: topics by name, at least one, without duplicates.
    Names(Vec<Located<str>>),
    /// `topics_pattern`: all topics that match, including those that are created later. It is a POSIX
    /// extended regular expression that starts with `^`, by which librdkafka distinguishes a pattern from a
    /// name: `rd_kafka_subscribe` in
    /// <https://docs.confluent.io/platform/current/clients/librdkafka/html/rdkafka_8h.html>.
    ///
    /// The check here is approximate: it parses an expression of the `regex` crate and rejects syntax that
    /// POSIX does not have. librdkafka makes the final check when it subscribes.
    Pattern(Located<str>),
}

impl Topics {
    /// Returns the names; none for a pattern.
    pub fn names(&self) -> &[Located<str>] {
        match self {
            Self::Names(names) => names,
            Self::Pattern(_) => &[],
        }
    }

    /// Returns the place of the first name or of the pattern.
    pub fn span(&self) -> Span {
        match self {
            Self::Names(names) => names.first().map_or(Span::default(), |name| name.span),
            Self::Pattern(pattern) => pattern.span,
        }
    }

    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let (names, pattern) = (section.optional("topics"), section.optional("topics_pattern"));
        if let (Some(names), Some(pattern)) = (&names, &pattern) {
            let message = "a pipeline has either `topics` or `topics_pattern`, not both";
            let (earlier, later) = match names.key_span() < pattern.key_span() {
                true => (names, pattern),
                false => (pattern, names),
            };
            let mistake = section.reader().mistake(ErrorKind::Conflict, later.key_span(), message);
            section
                .reader()
                .report(mistake.other(earlier.key_span(), "the other one").help("keep one of them"));
        }
        match (names, pattern) {
            (Some(names), pattern) => {
                pattern.and_then(|entry| read_pattern(&entry));
                names.names("topic", CaseSensitivity::Sensitive, rules::topic).map(Self::Names)
            }
            (None, Some(pattern)) => read_pattern(&pattern).map(Self::Pattern),
            (None, None) => {
                section.missing("topics");
                None
            }
        }
    }
}

fn read_pattern(entry: &Entry<'_>) -> Option<Located<str>> {
    let pattern = entry.string(rules::filled)?;
    if !pattern.starts_with('^') {
        let message = format!("`{}` does not begin with `^`", entry.path());
        entry.report(ErrorKind::Value, message, "write it as '^flights\\.', or name the topics in `topics`");
        return None;
    }
    let report = |span: &ast::Span, problem: String, help: &str| {
        let range = span.start.offset..span.end.offset;
        let message = format!("`{}` is not a regular expression: {problem}", entry.path());
        entry.report_part(&pattern, range, ErrorKind::Value, message, help);
    };
    let help = "write a POSIX extended regular expression";
    match Parser::new().parse(&pattern) {
        Err(error) => report(error.span(), error.kind().to_string(), help),
        Ok(parsed) => match ast::visit(&parsed, NonPosixSyntax) {
            Err((span, syntax)) => {
                report(&span, format!("POSIX has no {syntax}"), "write classes as [0-9], groups as (a|b)");
            }
            Ok(()) => return Some(pattern),
        },
    }
    None
}

/// Finds syntax that the parser accepts but that POSIX does not have or interprets differently.
struct NonPosixSyntax;

impl ast::Visitor for NonPosixSyntax {
    type Output = ();
    type Err = (ast::Span, &'static str);

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, node: &Ast) -> Result<(), Self::Err> {
        match node {
            Ast::ClassPerl(class) => Err((class.span, "classes such as \\d")),
            Ast::ClassUnicode(class) => Err((class.span, "classes such as \\pL")),
            Ast::Flags(flags) => Err((flags.span, "flags")),
            Ast::Group(group) if !matches!(group.kind, ast::GroupKind::CaptureIndex(_)) => {
                Err((group.span, "groups that begin with (?"))
            }
            Ast::Repetition(repetition) if !repetition.greedy => {
                Err((repetition.op.span, "repetitions that end with ?"))
            }
            Ast::Assertion(assertion)
                if !matches!(assertion.kind, ast::AssertionKind::StartLine | ast::AssertionKind::EndLine) =>
            {
                Err((assertion.span, "assertions such as \\b"))
            }
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ast::ClassSetItem::Perl(class) => Err((class.span, "classes such as \\d")),
            ast::ClassSetItem::Unicode(class) => Err((class.span, "classes such as \\pL")),
            _ => Ok(()),
        }
    }
}

//! `topics` or `topics_pattern`

use regex_syntax::ast::{self, Ast, parse::Parser};

use crate::check::Case;
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Located, Span};

/// The topics that an ingest pipeline reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// By name; at least one, none twice.
    Names(Vec<Located<str>>),
    /// All that match, those too that are created later. A POSIX extended regular expression that starts with
    /// `^`, which is how librdkafka tells a pattern from a name: `rd_kafka_subscribe` in
    /// <https://docs.confluent.io/platform/current/clients/librdkafka/html/rdkafka_8h.html>.
    ///
    /// It is checked as an expression of the `regex` crate without what POSIX does not have, which is near
    /// enough: only librdkafka, when it subscribes, says the last word.
    Pattern(Located<str>),
}

impl Topics {
    /// The names; none for a pattern.
    pub fn names(&self) -> &[Located<str>] {
        match self {
            Self::Names(names) => names,
            Self::Pattern(_) => &[],
        }
    }

    /// The place of the first name or of the pattern.
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
            let mistake = section.reader().mistake(Kind::Conflict, later.key_span(), message);
            section
                .reader()
                .report(mistake.other(earlier.key_span(), "the other one").help("keep one of them"));
        }
        match (names, pattern) {
            (Some(names), pattern) => {
                pattern.and_then(|entry| read_pattern(&entry));
                names.names("topic", Case::Matters, check::topic).map(Self::Names)
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
    let pattern = entry.string(check::filled)?;
    if !pattern.starts_with('^') {
        let message = format!("`{}` does not begin with `^`", entry.path());
        entry.wrong(Kind::Value, message, "write it as '^flights\\.', or name the topics in `topics`");
        return None;
    }
    let wrong = |span: &ast::Span, problem: String, help: &str| {
        let range = span.start.offset..span.end.offset;
        let message = format!("`{}` is not a regular expression: {problem}", entry.path());
        entry.wrong_part(&pattern, range, Kind::Value, message, help);
    };
    let help = "write a POSIX extended regular expression";
    match Parser::new().parse(&pattern) {
        Err(error) => wrong(error.span(), error.kind().to_string(), help),
        Ok(parsed) => match ast::visit(&parsed, NotPosix) {
            Err((span, what)) => {
                wrong(&span, format!("POSIX has no {what}"), "write classes as [0-9], groups as (a|b)");
            }
            Ok(()) => return Some(pattern),
        },
    }
    None
}

/// Finds what the parser takes and POSIX would take for something else, or not at all.
struct NotPosix;

impl ast::Visitor for NotPosix {
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

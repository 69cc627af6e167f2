//! Names of topics with placeholders.

use std::sync::Arc;

use crate::error::ErrorKind;
use crate::read::{Entry, rules, suggest};
use crate::{Located, Span};

/// The name of a topic with the placeholders `{name}` (that of the pipeline) and `{table}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Arc<[TemplatePart]>,
    span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Literal(String),
    Name,
    Table,
}

impl Template {
    /// Returns the topic for one table of one pipeline.
    pub fn render(&self, name: &str, table: &str) -> String {
        let parts = self.parts.iter().map(|part| match part {
            TemplatePart::Literal(text) => text.as_str(),
            TemplatePart::Name => name,
            TemplatePart::Table => table,
        });
        parts.collect()
    }

    /// Returns whether each table has its own topic.
    pub fn has_table(&self) -> bool {
        self.parts.contains(&TemplatePart::Table)
    }

    /// Returns the place in the file; empty for a default.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns `{name}.{table}`.
    pub(crate) fn name_and_table() -> Self {
        Self::new(
            vec![TemplatePart::Name, TemplatePart::Literal(".".to_owned()), TemplatePart::Table],
            Span::default(),
        )
    }

    /// Returns `{name}.spanbridge-state`.
    pub(crate) fn state() -> Self {
        Self::new(
            vec![TemplatePart::Name, TemplatePart::Literal(".spanbridge-state".to_owned())],
            Span::default(),
        )
    }

    /// Returns `{name}.dead-letters`.
    pub(crate) fn dead_letters() -> Self {
        Self::new(
            vec![TemplatePart::Name, TemplatePart::Literal(".dead-letters".to_owned())],
            Span::default(),
        )
    }

    fn new(parts: Vec<TemplatePart>, span: Span) -> Self {
        Self { parts: parts.into(), span }
    }

    /// Reads a template. `with_table` allows the placeholder `{table}`.
    pub(crate) fn read(entry: &Entry<'_>, with_table: bool) -> Option<Self> {
        let text = entry.string(rules::filled)?;
        let parts = parse(entry, &text, with_table)?;
        Some(Self::new(parts, entry.span()))
    }
}

fn parse(entry: &Entry<'_>, text: &Located<str>, with_table: bool) -> Option<Vec<TemplatePart>> {
    let known: &[&str] = if with_table { &["name", "table"] } else { &["name"] };
    let list = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" ");
    let mut parts = Vec::new();
    let mut rest: &str = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                let message = format!("`{}` has a `{{` without `}}`", entry.path());
                entry.report_part(
                    text,
                    at..at + 1,
                    ErrorKind::Value,
                    message,
                    format!("placeholders: {list}"),
                );
                return None;
            };
            let name = &inner[..end];
            parts.push(match name {
                "name" => TemplatePart::Name,
                "table" if with_table => TemplatePart::Table,
                _ => {
                    let suggestion = suggest(name, known.iter().copied());
                    let suggestion =
                        suggestion.map_or(String::new(), |name| format!("; did you mean `{{{name}}}`?"));
                    let message = format!("`{}` has an unknown placeholder{suggestion}", entry.path());
                    entry.report_part(
                        text,
                        at..at + end + 2,
                        ErrorKind::Value,
                        message,
                        format!("placeholders: {list}"),
                    );
                    return None;
                }
            });
            rest = &inner[end + 1..];
            continue;
        }
        let literal = &rest[..rest.find('{').unwrap_or(rest.len())];
        if let Some((offset, character)) = literal.char_indices().find(|(_, c)| !is_topic_character(*c)) {
            let message = format!("`{}` has a character that topic names cannot have", entry.path());
            let help = "use A-Z a-z 0-9 . _ - and the placeholders ".to_owned() + &list;
            let range = at + offset..at + offset + character.len_utf8();
            entry.report_part(text, range, ErrorKind::Value, message, help);
            return None;
        }
        parts.push(TemplatePart::Literal(literal.to_owned()));
        rest = &rest[literal.len()..];
    }
    Some(parts)
}

fn is_topic_character(character: char) -> bool {
    u8::try_from(character).is_ok_and(rules::is_topic_byte)
}

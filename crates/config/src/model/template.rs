//! Topic names with placeholders.

use std::sync::Arc;

use crate::error::Kind;
use crate::read::{Entry, check, suggest};
use crate::{Located, Span};

/// A topic name with the placeholders `{name}` (the pipeline's) and `{table}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Arc<[Part]>,
    span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name,
    Table,
}

impl Template {
    /// The topic for one table of one pipeline.
    pub fn render(&self, name: &str, table: &str) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Name => name,
            Part::Table => table,
        });
        parts.collect()
    }

    /// Whether each table has a topic of its own.
    pub fn has_table(&self) -> bool {
        self.parts.contains(&Part::Table)
    }

    /// Its place in the file; empty for the default.
    pub fn span(&self) -> Span {
        self.span
    }

    /// `{name}.{table}`
    pub(crate) fn name_and_table() -> Self {
        Self::new(vec![Part::Name, Part::Literal(".".to_owned()), Part::Table], Span::default())
    }

    /// `{name}.spanbridge-state`
    pub(crate) fn state() -> Self {
        Self::new(vec![Part::Name, Part::Literal(".spanbridge-state".to_owned())], Span::default())
    }

    /// `{name}.dead-letters`
    pub(crate) fn dead_letters() -> Self {
        Self::new(vec![Part::Name, Part::Literal(".dead-letters".to_owned())], Span::default())
    }

    fn new(parts: Vec<Part>, span: Span) -> Self {
        Self { parts: parts.into(), span }
    }

    /// Reads one; `with_table` says whether `{table}` means something here.
    pub(crate) fn read(entry: &Entry<'_>, with_table: bool) -> Option<Self> {
        let text = entry.string(check::filled)?;
        let parts = parse(entry, &text, with_table)?;
        Some(Self::new(parts, entry.span()))
    }
}

fn parse(entry: &Entry<'_>, text: &Located<str>, with_table: bool) -> Option<Vec<Part>> {
    let known: &[&str] = if with_table { &["name", "table"] } else { &["name"] };
    let list = known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" ");
    let mut parts = Vec::new();
    let mut rest: &str = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                let message = format!("`{}` has a `{{` without `}}`", entry.path());
                entry.wrong_part(text, at..at + 1, Kind::Value, message, format!("placeholders: {list}"));
                return None;
            };
            let name = &inner[..end];
            parts.push(match name {
                "name" => Part::Name,
                "table" if with_table => Part::Table,
                _ => {
                    let meant = suggest(name, known.iter().copied());
                    let meant = meant.map_or(String::new(), |name| format!("; did you mean `{{{name}}}`?"));
                    let message = format!("`{}` has an unknown placeholder{meant}", entry.path());
                    entry.wrong_part(
                        text,
                        at..at + end + 2,
                        Kind::Value,
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
        if let Some((wrong, character)) = literal.char_indices().find(|(_, c)| !is_topic_character(*c)) {
            let message = format!("`{}` has a character that topic names cannot have", entry.path());
            let help = "use A-Z a-z 0-9 . _ - and the placeholders ".to_owned() + &list;
            let range = at + wrong..at + wrong + character.len_utf8();
            entry.wrong_part(text, range, Kind::Value, message, help);
            return None;
        }
        parts.push(Part::Literal(literal.to_owned()));
        rest = &rest[literal.len()..];
    }
    Some(parts)
}

fn is_topic_character(character: char) -> bool {
    u8::try_from(character).is_ok_and(check::topic_byte)
}

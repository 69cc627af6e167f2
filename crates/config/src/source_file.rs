//! The text of a file, as diagnostics show it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

use crate::{Located, Span};

/// The name and the text of one file. Secrets in the text are hidden.
#[derive(Clone)]
pub(crate) struct SourceFile(Arc<NamedSource<String>>);

impl SourceFile {
    pub(crate) fn new(name: &str, text: String) -> Self {
        Self(Arc::new(NamedSource::new(name, text)))
    }

    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    pub(crate) fn text(&self) -> &str {
        self.0.inner()
    }

    pub(crate) fn named(&self) -> &NamedSource<String> {
        &self.0
    }

    /// Returns `span` limited to the text, on character boundaries.
    pub(crate) fn clamp(&self, span: Span) -> Span {
        let text = self.text();
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end).max(start);
        Span { start, end }
    }

    /// Returns line and column (in characters) of the start of `span`, both from 1.
    pub(crate) fn position(&self, span: Span) -> (usize, usize) {
        let before = &self.text()[..self.clamp(span).start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// Returns the place of a part of a string value; that of the whole string if the file writes it with
    /// escapes.
    pub(crate) fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        match self.content_offset(text.span, text) {
            Some(offset) => {
                text.span.within(part.start.saturating_add(offset)..part.end.saturating_add(offset))
            }
            None => text.span,
        }
    }

    /// Returns where the content of the string literal at `span` starts, if the file writes `value` there
    /// without escapes. An offset into the value is then an offset into the file.
    fn content_offset(&self, span: Span, value: &str) -> Option<usize> {
        let literal = self.text().get(span.start..span.end)?;
        for quotes in ["\"\"\"\n", "\"\"\"\r\n", "'''\n", "'''\r\n", "\"\"\"", "'''", "\"", "'"] {
            if let Some(content) = literal.strip_prefix(quotes) {
                let content = content.strip_suffix(quotes.trim_end())?;
                return (content == value).then_some(quotes.len());
            }
        }
        None
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceFile").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = SourceFile::new("a.toml", "a = 'é'\nbc = 1\n".into());
        assert_eq!(source.position(Span { start: 0, end: 1 }), (1, 1));
        assert_eq!(source.position(Span { start: 7, end: 8 }), (1, 7));
        assert_eq!(source.position(Span { start: 6, end: 6 }), (1, 6), "inside of é: the start of é");
        assert_eq!(source.position(Span { start: 9, end: 9 }), (2, 1));
        assert_eq!(source.position(Span { start: 999, end: 9999 }), (3, 1));
    }

    #[test]
    fn content_starts_after_every_kind_of_quote() {
        for (literal, value, offset) in [
            ("\"abc\"", "abc", Some(1)),
            ("'abc'", "abc", Some(1)),
            ("'''abc'''", "abc", Some(3)),
            ("\"\"\"\nabc\"\"\"", "abc", Some(4)),
            ("\"a\\tc\"", "a\tc", None),
            ("''", "", Some(1)),
        ] {
            let source = SourceFile::new("a.toml", literal.into());
            let span = Span { start: 0, end: literal.len() };
            assert_eq!(source.content_offset(span, value), offset, "{literal}");
        }
    }
}

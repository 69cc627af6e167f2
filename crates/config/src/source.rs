//! The text of a configuration file, as diagnostics show it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;

use crate::{Located, Span};

/// Name and text of one configuration file; secrets in the text are masked.
#[derive(Clone)]
pub(crate) struct Source(Arc<NamedSource<String>>);

impl Source {
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

    /// `span` cut back to what the text holds, on character boundaries.
    pub(crate) fn clamp(&self, span: Span) -> Span {
        let text = self.text();
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end).max(start);
        Span { start, end }
    }

    /// Line and column (in characters) of the span's start, both from 1.
    pub(crate) fn position(&self, span: Span) -> (usize, usize) {
        let before = &self.text()[..self.clamp(span).start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// Where a part of a string of the file stands; the whole string when it is written with escapes.
    pub(crate) fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        match self.content_offset(text.span, text) {
            Some(offset) => {
                text.span.within(part.start.saturating_add(offset)..part.end.saturating_add(offset))
            }
            None => text.span,
        }
    }

    /// Where the content of the string literal at `span` starts in it, when the file has `value` there as
    /// it is, without escapes; so that an offset into the value is an offset into the file.
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

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("a.toml", "a = 'é'\nbc = 1\n".into());
        assert_eq!(source.position(Span { start: 0, end: 1 }), (1, 1));
        assert_eq!(source.position(Span { start: 7, end: 8 }), (1, 7));
        assert_eq!(source.position(Span { start: 6, end: 6 }), (1, 6), "inside of é: back to its start");
        assert_eq!(source.position(Span { start: 9, end: 9 }), (2, 1));
        assert_eq!(source.position(Span { start: 999, end: 9999 }), (3, 1));
    }

    #[test]
    fn content_is_found_behind_every_kind_of_quote() {
        for (literal, value, offset) in [
            ("\"abc\"", "abc", Some(1)),
            ("'abc'", "abc", Some(1)),
            ("'''abc'''", "abc", Some(3)),
            ("\"\"\"\nabc\"\"\"", "abc", Some(4)),
            ("\"a\\tc\"", "a\tc", None),
            ("''", "", Some(1)),
        ] {
            let source = Source::new("a.toml", literal.into());
            let span = Span { start: 0, end: literal.len() };
            assert_eq!(source.content_offset(span, value), offset, "{literal}");
        }
    }
}

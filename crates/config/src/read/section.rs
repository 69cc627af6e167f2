//! One TOML table: its known keys and its entries.

use std::cell::RefCell;

use toml::de::DeTable;

use super::{Entry, KeyNode, Reader, ValueNode, suggest};
use crate::error::ErrorKind;
use crate::{KeySpans, Span};

/// A table that is being read. Every key that a read asks for is a known key; [`finish`](Self::finish)
/// reports all others.
pub(crate) struct Section<'a> {
    pub(super) reader: &'a Reader,
    /// The dotted path, as in the headers of the file; empty for the whole file.
    path: String,
    /// The place of the header or the braces; empty for the whole file.
    span: Span,
    table: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(reader: &'a Reader, path: String, span: Span, table: &'a DeTable<'a>) -> Self {
        Self { reader, path, span, table, known: RefCell::default() }
    }

    pub(crate) fn reader(&self) -> &'a Reader {
        self.reader
    }

    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// Returns the entry of a key, if the file has it.
    pub(crate) fn optional(&self, key: &'static str) -> Option<Entry<'a>> {
        self.known.borrow_mut().push(key);
        let (name, node) = self.table.get_key_value(key)?;
        Some(self.entry(name, node))
    }

    /// Returns the entry of a key, and reports a mistake if the file does not have it.
    pub(crate) fn required(&self, key: &'static str) -> Option<Entry<'a>> {
        let entry = self.optional(key);
        if entry.is_none() {
            self.missing(key);
        }
        entry
    }

    /// Reports that a key is missing.
    pub(crate) fn missing(&self, key: &str) {
        let path = self.join(key);
        let mistake = self.reader.mistake(ErrorKind::MissingKey, self.span, format!("`{path}` is missing"));
        self.reader.report(mistake.help(match self.path.as_str() {
            "" => format!("add a section [{key}]"),
            section => format!("add `{key} = …` to `{section}`"),
        }));
    }

    /// Returns all entries in file order, for tables whose keys are names. Such a table needs no
    /// [`finish`](Self::finish).
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self.table.iter().map(|(name, node)| self.entry(name, node)).collect();
        entries.sort_by_key(|entry| entry.key_span);
        entries
    }

    /// Reports every key that no read asked for, and returns the places of the others.
    pub(crate) fn finish(&self) -> KeySpans {
        let known = self.known.borrow();
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if known.contains(&key) {
                continue;
            }
            let location =
                if self.path.is_empty() { "at top level".to_owned() } else { format!("in `{}`", self.path) };
            let suggestion = suggest(key, known.iter().copied());
            let suggestion = suggestion.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            let message = format!("unknown key `{}` {location}{suggestion}", key.escape_debug());
            let mistake = self.reader.mistake(ErrorKind::UnknownKey, Span::from(name.span()), message);
            self.reader.report(mistake.help(format!("known here: {}", known.join(", "))));
        }
        let span = |key: &&'static str| self.table.get(*key).map(|node| (*key, Span::from(node.span())));
        KeySpans::new(self.span, known.iter().filter_map(span).collect())
    }

    fn entry(&self, name: &'a KeyNode<'a>, node: &'a ValueNode<'a>) -> Entry<'a> {
        let key: &'a str = name.get_ref();
        Entry { reader: self.reader, key, path: self.join(key), key_span: Span::from(name.span()), node }
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

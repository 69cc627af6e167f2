//! One TOML table: which keys it may have, and which it has.

use std::cell::RefCell;

use toml::de::DeTable;

use super::{Entry, Name, Node, Reader, suggest};
use crate::error::Kind;
use crate::{Keys, Span};

/// A table that is being read. Every key asked for is a known one; [`finish`](Self::finish) reports the rest.
pub(crate) struct Section<'a> {
    pub(super) reader: &'a Reader,
    /// Dotted, as in the file's headers; empty for the whole file.
    path: String,
    /// The header, the braces, or nothing for the whole file.
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

    /// The key's value when the key is there.
    pub(crate) fn optional(&self, key: &'static str) -> Option<Entry<'a>> {
        self.known.borrow_mut().push(key);
        let (name, node) = self.table.get_key_value(key)?;
        Some(self.entry(name, node))
    }

    /// The key's value; a mistake when the key is not there.
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
        let mistake = self.reader.mistake(Kind::MissingKey, self.span, format!("`{path}` is missing"));
        self.reader.report(mistake.help(match self.path.as_str() {
            "" => format!("add a section [{key}]"),
            section => format!("add `{key} = …` to `{section}`"),
        }));
    }

    /// A key of the contract that this version does not carry out: a mistake when it is there.
    /// Answers whether it is.
    pub(crate) fn unsupported(&self, key: &'static str, instead: &str) -> bool {
        let entry = self.optional(key);
        if let Some(entry) = &entry {
            let message = format!("`{key}` is not supported by this version");
            let mistake = self.reader.mistake(Kind::Unsupported, entry.key_span, message);
            self.reader.report(mistake.help(instead));
        }
        entry.is_some()
    }

    /// Every key with its value, in file order, for tables whose keys are names. Nothing is left for
    /// [`finish`](Self::finish).
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self.table.iter().map(|(name, node)| self.entry(name, node)).collect();
        entries.sort_by_key(|entry| entry.key_span);
        entries
    }

    /// Reports every key that nobody asked for, and answers where the others stand.
    pub(crate) fn finish(&self) -> Keys {
        let known = self.known.borrow();
        for (name, _) in self.table {
            let key: &str = name.get_ref();
            if known.contains(&key) {
                continue;
            }
            let place =
                if self.path.is_empty() { "at top level".to_owned() } else { format!("in `{}`", self.path) };
            let meant = suggest(key, known.iter().copied());
            let meant = meant.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            let message = format!("unknown key `{}` {place}{meant}", key.escape_debug());
            let mistake = self.reader.mistake(Kind::UnknownKey, Span::from(name.span()), message);
            self.reader.report(mistake.help(format!("known here: {}", known.join(", "))));
        }
        let place = |key: &&'static str| self.table.get(*key).map(|node| (*key, Span::from(node.span())));
        Keys::new(self.span, known.iter().filter_map(place).collect())
    }

    fn entry(&self, name: &'a Name<'a>, node: &'a Node<'a>) -> Entry<'a> {
        let key: &'a str = name.get_ref();
        Entry { reader: self.reader, key, path: self.join(key), key_span: Span::from(name.span()), node }
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

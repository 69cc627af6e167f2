//! One value of the file, with its key.

use std::ops::Range;

use toml::de::DeValue;

use super::check::Check;
use super::{Node, Reader, Section, suggest};
use crate::check::Case;
use crate::error::Kind;
use crate::text::Origin;
use crate::{Located, Span, Text};

/// A key and its value. A read that answers None has reported why.
pub(crate) struct Entry<'a> {
    pub(super) reader: &'a Reader,
    pub(super) key: &'a str,
    pub(super) path: String,
    pub(super) key_span: Span,
    pub(super) node: &'a Node<'a>,
}

impl<'a> Entry<'a> {
    pub(crate) fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// Where the value stands.
    pub(crate) fn span(&self) -> Span {
        Span::from(self.node.span())
    }

    pub(crate) fn key_span(&self) -> Span {
        self.key_span
    }

    /// The last part of the path.
    pub(crate) fn key(&self) -> &'a str {
        self.key
    }

    /// The key as a name.
    pub(crate) fn key_as(&self, check: Check) -> Option<Located<str>> {
        if let Err(wrong) = check(self.key) {
            let message = format!("`{}` {}", self.key.escape_debug(), wrong.message);
            let mistake = self.reader.mistake(Kind::Value, self.key_span, message);
            self.reader.report(mistake.help(wrong.help));
            return None;
        }
        Some(Located::new(self.key, self.key_span))
    }

    /// The strings of an array that is not empty, none of them twice; `noun` is what each of them is.
    pub(crate) fn names(&self, noun: &str, case: Case, check: Check) -> Option<Vec<Located<str>>> {
        let elements = self.elements()?;
        if elements.is_empty() {
            self.wrong(Kind::Value, format!("`{}` is empty", self.path), format!("name at least one {noun}"));
            return None;
        }
        let mut names = Vec::with_capacity(elements.len());
        for (index, mut element) in elements.into_iter().enumerate() {
            element.path = format!("{}[{index}]", self.path);
            names.push(element.string(check));
        }
        let names: Vec<_> = names.into_iter().collect::<Option<_>>()?;
        crate::check::duplicates(self.reader, &names, case, noun);
        Some(names)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.node.get_ref(), DeValue::Table(_))
    }

    pub(crate) fn is_datetime(&self) -> bool {
        self.node.get_ref().is_datetime()
    }

    /// A table with one of these keys.
    pub(crate) fn has_any(&self, keys: &[&str]) -> bool {
        self.node.get_ref().as_table().is_some_and(|table| keys.iter().any(|key| table.contains_key(*key)))
    }

    /// A table that stands there only because a key has dots: `this.other = …`.
    pub(crate) fn is_dotted(&self) -> bool {
        self.is_table() && self.span() == self.key_span
    }

    /// A table. `[[…]]` is not one.
    pub(crate) fn section(&self) -> Option<Section<'a>> {
        match self.node.get_ref() {
            DeValue::Table(table) => Some(Section::new(self.reader, self.path.clone(), self.span(), table)),
            _ => self.wrong_type("a table"),
        }
    }

    /// The elements of an array, each under the array's own key.
    pub(crate) fn elements(&self) -> Option<Vec<Self>> {
        let DeValue::Array(array) = self.node.get_ref() else {
            return self.wrong_type("an array");
        };
        let element = |node| Self { node, path: self.path.clone(), ..*self };
        Some(array.iter().map(element).collect())
    }

    /// A string, inline or by reference, that is read again whenever it is used.
    pub(crate) fn text(&self, check: Check) -> Option<Text> {
        let text = self.reference_or_inline(check)?;
        self.reader.keep(&text);
        // A file may hold a secret that is mounted later; the rest must be right from the start.
        if !matches!(text.origin(), Origin::File(_)) {
            self.unless(text.resolve_value())?;
        }
        Some(text)
    }

    /// As [`text`](Self::text), for what must not stand in the file itself.
    pub(crate) fn secret(&self, check: Check) -> Option<Text> {
        if self.node.get_ref().is_str() {
            let message = format!("`{}` is a secret and stands in the file itself", self.path);
            let mistake = self.reader.mistake(Kind::Secret, self.span(), message);
            let key = self.key();
            let help = format!("write `{key} = {{ env = \"NAME\" }}` or `{key} = {{ file = \"/path\" }}`");
            self.reader.report(mistake.help(help));
            return None;
        }
        self.text(check)
    }

    /// A string that is fixed when the file is loaded; a reference is resolved here.
    pub(crate) fn string(&self, check: Check) -> Option<Located<str>> {
        let text = self.reference_or_inline(check)?;
        self.unless(text.resolve_located())
    }

    /// One of the `supported` words; those of `later` are the contract's, but not carried out yet.
    pub(crate) fn choice<T: Copy>(
        &self,
        supported: &[(&'static str, T)],
        later: &[&'static str],
    ) -> Option<T> {
        let text = self.string(super::check::any)?;
        if let Some((_, choice)) = supported.iter().find(|(word, _)| text == *word) {
            return Some(*choice);
        }
        let words = supported.iter().map(|(word, _)| *word);
        let list = words.clone().collect::<Vec<_>>().join(", ");
        let shown = self.shown(&text);
        if later.contains(&text.as_str()) {
            self.unsupported(&format!("{shown} is not supported by this version; supported: {list}"));
        } else {
            let meant =
                suggest(&text, words).map_or(String::new(), |word| format!("; did you mean `{word}`?"));
            self.wrong(Kind::Value, format!("{shown} is unknown{meant}"), format!("one of: {list}"));
        }
        None
    }

    /// Reports a value of the contract that this version does not carry out.
    pub(crate) fn unsupported(&self, message: &str) {
        let help = format!("use a supported value of `{}`, or a later version", self.key());
        self.wrong(Kind::Unsupported, message, help);
    }

    /// Reports a mistake at the value.
    pub(crate) fn wrong(&self, kind: Kind, message: impl Into<String>, help: impl Into<String>) {
        self.reader.report(self.reader.mistake(kind, self.span(), message).help(help));
    }

    /// Reports a mistake at a part of the string `text` at this value.
    pub(crate) fn wrong_part(
        &self,
        text: &Located<str>,
        part: Range<usize>,
        kind: Kind,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.reader.report(self.reader.mistake(kind, self.part(text, part), message).help(help));
    }

    /// Where a part of the string `text` at this value stands in the file; the whole value when it is
    /// written with escapes or comes from elsewhere.
    pub(crate) fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        self.reader.source().part(text, part)
    }

    pub(super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = match self.node.get_ref().type_str() {
            found @ ("integer" | "array") => format!("an {found}"),
            found => format!("a {found}"),
        };
        let message = format!("`{}` must be {expected}, not {found}", self.path);
        self.wrong(Kind::Type, message, format!("write {expected} here"));
        None
    }

    /// `key = "value"` as a message shows it: what a reference stands for stays hidden.
    fn shown(&self, value: &str) -> String {
        match self.node.get_ref() {
            DeValue::String(_) if value.len() <= 80 => {
                format!("`{} = \"{}\"`", self.key(), value.escape_debug())
            }
            _ => format!("the value of `{}`", self.key()),
        }
    }

    fn unless<T>(&self, result: Result<T, crate::Mistake>) -> Option<T> {
        result.map_err(|mistake| self.reader.report(mistake)).ok()
    }

    fn reference_or_inline(&self, check: Check) -> Option<Text> {
        let origin = match self.node.get_ref() {
            DeValue::String(value) => Origin::Inline(value.clone().into_owned()),
            DeValue::Table(_) => self.reference()?,
            _ => return self.wrong_type("a string"),
        };
        let source = self.reader.source().clone();
        Some(Text::new(origin, self.path.clone(), self.span(), source, check))
    }

    /// `{ env = "NAME" }` or `{ file = "/path" }`.
    fn reference(&self) -> Option<Origin> {
        let section = self.section()?;
        let name = |entry: &Entry<'_>| match entry.node.get_ref() {
            DeValue::String(name) if !name.is_empty() && !name.contains('\0') => {
                Some(name.clone().into_owned())
            }
            DeValue::String(_) => {
                entry.wrong(Kind::Value, format!("`{}` is empty or holds NUL", entry.path), "name it");
                None
            }
            _ => entry.wrong_type("a string"),
        };
        let (env, file) = (section.optional("env"), section.optional("file"));
        section.finish();
        match (env, file) {
            (Some(env), None) => match name(&env)? {
                name if name.contains('=') => {
                    env.wrong(Kind::Value, "a variable's name cannot contain `=`", "write the name alone");
                    None
                }
                name => Some(Origin::Env(name)),
            },
            (None, Some(file)) => match name(&file)? {
                path if path.starts_with('/') => Some(Origin::File(path)),
                _ => {
                    file.wrong(Kind::Value, "the path is not absolute", "begin it with `/`");
                    None
                }
            },
            _ => {
                let message =
                    format!("`{}` must be a string, or a table with either `env` or `file`", self.path);
                self.wrong(Kind::Type, message, "write \"…\", { env = \"NAME\" } or { file = \"/path\" }");
                None
            }
        }
    }
}

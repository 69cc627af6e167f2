//! One key of the file with its value.
//!
//! The `read` functions of the model call the methods here to turn a value into a typed one. A method that
//! returns `None` has reported why to the [`Reader`]. Numbers, durations, sizes and instants are in `scalar`.

use std::ops::Range;

use spanbridge_kafka_properties::Property;
use toml::de::DeValue;

use super::rules::{TextRule, ValueRule};
use super::{Reader, Section, ValueNode, suggest};
use crate::consistency::CaseSensitivity;
use crate::error::ErrorKind;
use crate::secrets::is_secret;
use crate::text::Origin;
use crate::{Located, Span, Text};

/// A key and its value. A read that returns `None` has reported a mistake.
pub(crate) struct Entry<'a> {
    pub(super) reader: &'a Reader,
    pub(super) key: &'a str,
    pub(super) path: String,
    pub(super) key_span: Span,
    pub(super) node: &'a ValueNode<'a>,
}

impl<'a> Entry<'a> {
    pub(crate) fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// Returns the place of the value.
    pub(crate) fn span(&self) -> Span {
        Span::from(self.node.span())
    }

    /// Returns the place of the key.
    pub(crate) fn key_span(&self) -> Span {
        self.key_span
    }

    /// Returns the key, which is the last part of the path.
    pub(crate) fn key(&self) -> &'a str {
        self.key
    }

    /// Reads the key itself as a name.
    pub(crate) fn key_name(&self, rule: TextRule) -> Option<Located<str>> {
        if let Err(violation) = rule(self.key) {
            let message = format!("`{}` {}", self.key.escape_debug(), violation.message);
            let mistake = self.reader.mistake(ErrorKind::Value, self.key_span, message);
            self.reader.report(mistake.help(violation.help));
            return None;
        }
        Some(Located::new(self.key, self.key_span))
    }

    /// Reads the strings of an array that is not empty and has no duplicates. `noun` says what the strings
    /// are.
    pub(crate) fn names(
        &self,
        noun: &str,
        case: CaseSensitivity,
        rule: TextRule,
    ) -> Option<Vec<Located<str>>> {
        let elements = self.elements()?;
        if elements.is_empty() {
            self.report(
                ErrorKind::Value,
                format!("`{}` is empty", self.path),
                format!("name at least one {noun}"),
            );
            return None;
        }
        let mut names = Vec::with_capacity(elements.len());
        for (index, mut element) in elements.into_iter().enumerate() {
            element.path = format!("{}[{index}]", self.path);
            names.push(element.string(rule));
        }
        let names: Vec<_> = names.into_iter().collect::<Option<_>>()?;
        crate::consistency::report_duplicates(self.reader, &names, case, noun);
        Some(names)
    }

    /// Returns the dotted path of the key.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.node.get_ref(), DeValue::Table(_))
    }

    pub(crate) fn is_datetime(&self) -> bool {
        self.node.get_ref().is_datetime()
    }

    /// Returns whether the value is a table with one of these keys.
    pub(crate) fn has_any(&self, keys: &[&str]) -> bool {
        self.node.get_ref().as_table().is_some_and(|table| keys.iter().any(|key| table.contains_key(*key)))
    }

    /// Returns whether the value is a table only because a key has dots: `this.other = …`.
    pub(crate) fn is_dotted(&self) -> bool {
        self.is_table() && self.span() == self.key_span
    }

    /// Reads a table. `[[…]]` is not one.
    pub(crate) fn section(&self) -> Option<Section<'a>> {
        match self.node.get_ref() {
            DeValue::Table(table) => Some(Section::new(self.reader, self.path.clone(), self.span(), table)),
            _ => self.wrong_type("a table"),
        }
    }

    /// Reads the elements of an array. Each has the key of the array.
    pub(crate) fn elements(&self) -> Option<Vec<Self>> {
        let DeValue::Array(array) = self.node.get_ref() else {
            return self.wrong_type("an array");
        };
        let element = |node| Self { node, path: self.path.clone(), ..*self };
        Some(array.iter().map(element).collect())
    }

    /// Reads a string, inline or by reference, that is resolved again whenever it is used.
    pub(crate) fn text(&self, rule: TextRule) -> Option<Text> {
        self.keep_text(self.origin()?, ValueRule::Text(rule))
    }

    /// Like [`text`](Self::text), of a property of librdkafka: numbers and booleans are texts too.
    pub(crate) fn property(&self, property: &'static Property) -> Option<Text> {
        let origin = match self.scalar_text() {
            Some(value) if !is_secret(property.name) => Origin::Inline(value),
            _ => self.origin()?,
        };
        self.keep_text(origin, ValueRule::Property(property))
    }

    fn keep_text(&self, origin: Origin, rule: ValueRule) -> Option<Text> {
        let text = self.text_of(origin, rule);
        self.reader.keep(&text);
        // A file may hold a secret that is mounted later. All other values must be valid from the start.
        if !matches!(text.origin(), Origin::File(_)) {
            self.unless(text.resolve_value())?;
        }
        Some(text)
    }

    /// Reads a string by reference, which the file must not contain itself.
    pub(crate) fn secret(&self, rule: TextRule) -> Option<Text> {
        if self.is_inline_secret() { None } else { self.text(rule) }
    }

    /// Returns whether the file contains the value of this secret, which it must not, and reports it.
    pub(crate) fn is_inline_secret(&self) -> bool {
        let is_inline = self.node.get_ref().is_str();
        if is_inline {
            let message = format!("`{}` is a secret, which the file must not contain", self.path);
            let mistake = self.reader.mistake(ErrorKind::Secret, self.span(), message);
            let key = self.key();
            let help = format!("write `{key} = {{ env = \"NAME\" }}` or `{key} = {{ file = \"/path\" }}`");
            self.reader.report(mistake.help(help));
        }
        is_inline
    }

    /// Reads a string that is fixed when the file is loaded. A reference is resolved here.
    pub(crate) fn string(&self, rule: TextRule) -> Option<Located<str>> {
        let text = self.text_of(self.origin()?, ValueRule::Text(rule));
        self.unless(text.resolve_located())
    }

    /// Reads one of the `supported` words. Those of `later` exist, but this version does not implement them.
    pub(crate) fn choice<T: Copy>(
        &self,
        supported: &[(&'static str, T)],
        later: &[&'static str],
    ) -> Option<T> {
        let text = self.string(super::rules::any)?;
        if let Some((_, choice)) = supported.iter().find(|(word, _)| text == *word) {
            return Some(*choice);
        }
        let words = supported.iter().map(|(word, _)| *word);
        let list = words.clone().collect::<Vec<_>>().join(", ");
        let shown = self.shown(&text);
        if later.contains(&text.as_str()) {
            self.unsupported(&format!("{shown} is not supported by this version; supported: {list}"));
        } else {
            let suggestion =
                suggest(&text, words).map_or(String::new(), |word| format!("; did you mean `{word}`?"));
            self.report(
                ErrorKind::Value,
                format!("{shown} is unknown{suggestion}"),
                format!("one of: {list}"),
            );
        }
        None
    }

    /// Reports a value that exists but that this version does not implement.
    pub(crate) fn unsupported(&self, message: &str) {
        let help = format!("use a supported value of `{}`, or a later version", self.key());
        self.report(ErrorKind::Unsupported, message, help);
    }

    /// Reports a mistake at the value.
    pub(crate) fn report(&self, kind: ErrorKind, message: impl Into<String>, help: impl Into<String>) {
        self.reader.report(self.reader.mistake(kind, self.span(), message).help(help));
    }

    /// Reports a mistake at a part of the string `text`, which is this value.
    pub(crate) fn report_part(
        &self,
        text: &Located<str>,
        part: Range<usize>,
        kind: ErrorKind,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.reader.report(self.reader.mistake(kind, self.part(text, part), message).help(help));
    }

    /// Returns the place of a part of the string `text`, which is this value; that of the whole value if the
    /// file writes it with escapes or as a reference.
    pub(crate) fn part(&self, text: &Located<str>, part: Range<usize>) -> Span {
        self.reader.source().part(text, part)
    }

    pub(super) fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let actual = match self.node.get_ref().type_str() {
            actual @ ("integer" | "array") => format!("an {actual}"),
            actual => format!("a {actual}"),
        };
        let message = format!("`{}` must be {expected}, not {actual}", self.path);
        self.report(ErrorKind::Type, message, format!("write {expected} here"));
        None
    }

    /// Returns `key = "value"` for a message. The value of a reference stays hidden.
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

    /// Reads a string, inline or by reference.
    fn origin(&self) -> Option<Origin> {
        match self.node.get_ref() {
            DeValue::String(value) => Some(Origin::Inline(value.clone().into_owned())),
            DeValue::Table(_) => self.reference(),
            _ => self.wrong_type("a string"),
        }
    }

    fn text_of(&self, origin: Origin, rule: ValueRule) -> Text {
        Text::new(origin, self.path.clone(), self.span(), self.reader.source().clone(), rule)
    }

    /// `{ env = "NAME" }` or `{ file = "/path" }`.
    fn reference(&self) -> Option<Origin> {
        let section = self.section()?;
        let name = |entry: &Entry<'_>| match entry.node.get_ref() {
            DeValue::String(name) if !name.is_empty() && !name.contains('\0') => {
                Some(name.clone().into_owned())
            }
            DeValue::String(_) => {
                entry.report(
                    ErrorKind::Value,
                    format!("`{}` is empty or holds NUL", entry.path),
                    "write the name or the path",
                );
                None
            }
            _ => entry.wrong_type("a string"),
        };
        let (env, file) = (section.optional("env"), section.optional("file"));
        section.finish();
        match (env, file) {
            (Some(env), None) => match name(&env)? {
                name if name.contains('=') => {
                    env.report(
                        ErrorKind::Value,
                        "a variable's name cannot contain `=`",
                        "write the name alone",
                    );
                    None
                }
                name => Some(Origin::Env(name)),
            },
            (None, Some(file)) => match name(&file)? {
                path if path.starts_with('/') => Some(Origin::File(path)),
                _ => {
                    file.report(ErrorKind::Value, "the path is not absolute", "begin it with `/`");
                    None
                }
            },
            _ => {
                let message =
                    format!("`{}` must be a string, or a table with either `env` or `file`", self.path);
                self.report(
                    ErrorKind::Type,
                    message,
                    "write \"…\", { env = \"NAME\" } or { file = \"/path\" }",
                );
                None
            }
        }
    }
}

//! Spanner's error messages: hints for their meaning, and a form without values of rows.

use std::collections::BTreeSet;

use crate::name::is_identifier;

/// The details that Spanner's message adds to its code.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MessageHints {
    /// The session no longer exists.
    pub(super) session: bool,
    /// The transaction has ended: lost to another one, or idle for too long.
    pub(super) transaction: bool,
    /// A database, table, column or index does not exist.
    pub(super) schema: bool,
    /// The parent row is missing.
    pub(super) parent: bool,
    /// A unique index is violated, not the primary key.
    pub(super) unique: bool,
    /// Too many mutations, or too many bytes.
    pub(super) too_large: bool,
    /// A timestamp is older than the retention period, or a token is no longer valid.
    pub(super) expired: bool,
    /// Another schema change is running.
    pub(super) concurrent: bool,
}

impl MessageHints {
    pub(super) fn of(text: &str) -> Self {
        // Values of rows are in brackets or follow these phrases.
        let head = redact(text).to_ascii_lowercase();
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| head.contains(phrase));
        let starts = |phrases: &[&str]| phrases.iter().any(|phrase| head.starts_with(phrase));
        Self {
            session: starts(&["session not found"]),
            transaction: starts(&["transaction not found", "invalid transaction"])
                || has(&[
                    "transaction has been invalidated",
                    "transaction has expired",
                    "transaction is closed",
                    "after rollback",
                    "after commit",
                ]),
            schema: starts(&[
                "table not found",
                "column not found",
                "database not found",
                "instance not found",
                "index not found",
                "change stream not found",
            ]),
            parent: starts(&["parent row", "insert failed because key was not found in parent"]),
            unique: starts(&["unique"]),
            too_large: has(&[
                "too many mutations",
                "transaction size",
                "too large",
                "exceeds the maximum commit size",
                "maximum total bytes-size",
                "larger than max",
                "resource limits exceeded",
            ]),
            expired: has(&[
                "too far in the past",
                "have expired",
                "no longer valid",
                "invalid for the partition",
                "invalid partition token",
                "partition_token is invalid",
                "too old",
                "maximum timestamp staleness",
                "retention",
                "garbage",
            ]),
            concurrent: has(&["concurrent schema change"]),
        }
    }
}

/// The greatest length of a message in characters; longer ones are truncated.
const MAX_MESSAGE_CHARS: usize = 500;

/// Truncates a message that cannot contain values.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

/// Removes the contents of brackets, braces, parentheses and quotes: keys, values and literals.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<char> = Vec::new();
    let mut before = ' ';
    for char in text.chars().take(MAX_MESSAGE_CHARS) {
        let quoted = matches!(open.last(), Some('"' | '\''));
        let close = open.last().is_some_and(|open| *open == char);
        // An apostrophe inside a word, as in "doesn't", opens nothing.
        let opens = match char {
            '{' => Some('}'),
            '[' => Some(']'),
            '(' => Some(')'),
            '"' => Some('"'),
            '\'' if !before.is_alphanumeric() => Some('\''),
            _ => None,
        };
        before = char;
        if close {
            open.pop();
            if open.is_empty() {
                out.push(char);
            }
        } else if let (Some(end), false) = (opens, quoted) {
            if open.is_empty() {
                out.push(char);
                out.push('…');
            }
            open.push(end);
        } else if open.is_empty() {
            out.push(char);
        }
    }
    out
}

/// The names that a commit uses, the only words of its error message that may be repeated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    tables: BTreeSet<String>,
    columns: BTreeSet<String>,
}

impl Names {
    pub(crate) fn new<'a>(
        tables: impl IntoIterator<Item = &'a str>,
        columns: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let owned = |names: &mut dyn Iterator<Item = &'a str>| names.map(str::to_owned).collect();
        Self { tables: owned(&mut tables.into_iter()), columns: owned(&mut columns.into_iter()) }
    }

    /// Returns the table that the message is about. A key in the message may contain any text, even the name of another
    /// table, so the name is searched only where Spanner puts it, outside the key.
    pub(super) fn table_of(&self, text: &str) -> Option<String> {
        let known = |word: &str| self.tables.iter().find(|table| table.eq_ignore_ascii_case(word)).cloned();
        let word = |text: &str| known(text.split([':', ' ', ',']).next()?.trim_matches(['`', '.']));
        if let Some(rest) = text.strip_prefix("Table ") {
            return word(rest);
        }
        let at_key = ["Row [", "Row {", "Parent row for row ["].iter().any(|start| text.starts_with(start));
        if at_key {
            let (_, rest) = text.rsplit_once([']', '}'])?;
            return word(rest.strip_prefix(" in table ")?);
        }
        self.mentioned(text).0.into_iter().next()
    }

    /// Returns the commit's names that the message mentions: tables, then columns.
    fn mentioned(&self, text: &str) -> (Vec<String>, Vec<String>) {
        let text = redact(text);
        let words: Vec<&str> = text
            .split(|char: char| char.is_whitespace() || matches!(char, '`' | ':' | ',' | '(' | ')'))
            .map(|word| word.trim_end_matches('.'))
            .filter(|word| !word.is_empty())
            .collect();
        let of = |name: &String| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        let column_of = |table: &String, column: &String| {
            words.iter().any(|word| {
                let path = word.len() == table.len() + 1 + column.len();
                path && word.get(..table.len()).is_some_and(|head| head.eq_ignore_ascii_case(table))
                    && word.get(table.len() + 1..).is_some_and(|tail| tail.eq_ignore_ascii_case(column))
            })
        };
        let mut tables: Vec<String> = self.tables.iter().filter(|table| of(table)).cloned().collect();
        let mut columns = Vec::new();
        for table in &self.tables {
            for column in &self.columns {
                if column_of(table, column) {
                    columns.push(format!("{table}.{column}"));
                    if !tables.contains(table) {
                        tables.push(table.clone());
                    }
                }
            }
        }
        (tables, columns)
    }
}

/// Phrases of Spanner and its emulator, each with our wording.
const REASONS: [(&str, &str); 18] = [
    ("maximum timestamp staleness", "the timestamp is older than version_retention_period"),
    ("not found in parent", "the parent row is missing"),
    ("parent row", "the parent row is missing"),
    ("unique", "a unique index already contains this key"),
    ("already exists", "the row already exists"),
    ("non-null value", "a NOT NULL column has no value"),
    ("null value", "a NOT NULL column has no value"),
    ("must not be null", "a NOT NULL column has no value"),
    ("exceeds the maximum size limit", "a value is longer than its column"),
    ("bytes for key", "a key of the table or of one of its indexes is longer than 8 KiB"),
    ("check constraint", "a check constraint rejects the row"),
    ("foreign key", "a foreign key rejects the row"),
    ("could not parse", "a value does not have its column's type"),
    ("invalid value for column", "a value does not have its column's type"),
    ("generated column", "a generated column cannot be written"),
    ("too many mutations", "too many mutations"),
    ("column not found", "a column does not exist"),
    ("table not found", "a table does not exist"),
];

/// Describes a rejected commit or read: the reason in our own words, and the names.
pub(super) fn of_rows(text: &str, names: &Names) -> String {
    let lower = redact(text).to_ascii_lowercase();
    let reason = REASONS.iter().find(|(phrase, _)| lower.contains(phrase)).map(|(_, reason)| *reason);
    let reason = reason.unwrap_or(
        match lower.contains("row") && lower.contains("not found") || lower.contains("missing") {
            true => "the row does not exist",
            false => "rejected (the message is withheld: it may contain values)",
        },
    );
    let table = names.table_of(text);
    let (_, columns) = names.mentioned(text);
    let mut description = reason.to_owned();
    for (what, name) in
        [("constraint", constraint(text)), ("column", columns.into_iter().next()), ("table", table)]
    {
        if let Some(name) = name {
            description.push_str(&format!(", {what} {name}"));
        }
    }
    description
}

/// Returns the constraint or unique index at the start of the message.
fn constraint(text: &str) -> Option<String> {
    let starts = [
        "Check constraint ",
        "Foreign key constraint ",
        "Foreign key ",
        "UNIQUE violation on index ",
        "Unique index violation on index ",
    ];
    let rest = starts.iter().find_map(|start| text.strip_prefix(start))?;
    let name = rest.split([' ', ',']).next()?.replace('`', "");
    name.split('.').all(is_identifier).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_contain_no_values() {
        let names = Names::new(["T", "Kid"], ["Id", "N", "S"]);
        for (text, description) in [
            ("Table T: Row {String(\"secret\")} already exists.", "the row already exists, table T"),
            ("Table T: Row {Int64(2)} not found.", "the row does not exist, table T"),
            ("Row [secret] in table T is missing. Row cannot be updated.", "the row does not exist, table T"),
            (
                "Cannot specify a null value for column: T.N in table: T",
                "a NOT NULL column has no value, column T.N, table T",
            ),
            (
                "New value exceeds the maximum size limit for this column: T.S, size: 4, limit: 3.",
                "a value is longer than its column, column T.S, table T",
            ),
            (
                "Check constraint `T`.`PosC` is violated for key {Int64(3)}",
                "a check constraint rejects the row, constraint T.PosC, table T",
            ),
            (
                "Foreign key `FkF` constraint violation on table `T`. Cannot find referenced key `{String(\"secret\")}` in table `T`.",
                "a foreign key rejects the row, constraint FkF, table T",
            ),
            (
                "UNIQUE violation on index TS,  duplicate key: {String(\"secret\")} in this transaction.",
                "a unique index already contains this key, constraint TS",
            ),
            (
                "Unique index violation on index ByS at index key [secret]. It conflicts with row [secret] in table T.",
                "a unique index already contains this key, constraint ByS, table T",
            ),
            (
                "Number of bytes for key of table T is 9000 which exceeds the maximum of 8192.",
                "a key of the table or of one of its indexes is longer than 8 KiB, table T",
            ),
            ("Could not parse secret as an integer", "a value does not have its column's type"),
            (
                "Read-only transaction timestamp 2026-01-01T00:00:00Z has exceeded the maximum timestamp staleness",
                "the timestamp is older than version_retention_period",
            ),
            ("secret", "rejected (the message is withheld: it may contain values)"),
        ] {
            assert_eq!(of_rows(text, &names), description, "{text}");
        }
    }

    #[test]
    fn key_is_not_mistaken_for_a_table() {
        let names = Names::new(["BridgePositions", "T"], []);
        let text = "Row [a] in table BridgePositions [b] in table T is missing. Row cannot be updated.";
        assert_eq!(names.table_of(text).as_deref(), Some("T"));
        let text = "Table T: Row {String(\"} in table BridgePositions\")} not found.";
        assert_eq!(names.table_of(text).as_deref(), Some("T"));
        assert_eq!(names.table_of("Could not parse secret as an integer"), None);
    }

    #[test]
    fn redaction_removes_literals() {
        assert_eq!(redact("Row {A(\"}\")} in T [1, [2]] isn't here"), "Row {…} in T […] isn't here");
        assert_eq!(redact("near 'secret' at (\"x\""), "near '…' at (…");
    }
}

use std::collections::BTreeSet;

use spanbridge_config::{AllFields, RowsTable};
use spanbridge_protocol::table::Table;

/// The fields of a record that the mapping knows what to do with.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Columns that the mapping or Spanner itself fills, in lower case.
    columns: BTreeSet<String>,
    /// All columns of the live table, in lower case.
    live: BTreeSet<String>,
    record: String,
    /// What the file's own entries read.
    texts: Vec<String>,
}

impl Covered {
    /// By the entries of the file and, once they are added to them, the fields that are copied.
    pub(crate) fn new(rows: &RowsTable, all: &AllFields, live: Option<&Table>) -> Self {
        let live = || live.into_iter().flat_map(|live| &live.columns);
        let lower = |name: &str| name.to_ascii_lowercase();
        let generated = live().filter(|column| column.generated).map(|column| lower(&column.name));
        let mapped = rows.columns.iter().map(|mapping| lower(&mapping.column));
        let own = rows.columns.iter().filter(|mapping| !mapping.copied);
        Self {
            columns: generated.chain(mapped).collect(),
            live: live().map(|column| lower(&column.name)).collect(),
            record: all.path.to_string(),
            texts: own.map(|mapping| mapping.expr.to_string()).collect(),
        }
    }

    /// Its column is filled; or it has none, and an entry of the file reads the field for another one.
    pub(crate) fn has(&self, field: &str) -> bool {
        let column = field.to_ascii_lowercase();
        self.columns.contains(&column)
            || !self.live.contains(&column) && self.texts.iter().any(|text| reads(text, &self.record, field))
    }
}

/// Whether an expression names a field of a record, as `record.field` or `record['field']`.
fn reads(text: &str, record: &str, field: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(record).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| is_name(c) || c == '.') {
            return false;
        }
        let behind = &text[at + record.len()..];
        let quoted = |quote: char| behind.starts_with(&format!("[{quote}{field}{quote}]"));
        let selected = behind.strip_prefix('.').and_then(|rest| rest.strip_prefix(field));
        selected.is_some_and(|rest| !rest.starts_with(is_name)) || quoted('\'') || quoted('"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_reads_what_it_names() {
        for (text, expected) in [
            ("value.a", true),
            ("value.a.b", true),
            ("int(value.a) + 1", true),
            ("value['a'] + value[\"b\"]", true),
            ("value.ab", false),
            ("value", false),
            ("myvalue.a", false),
            ("x.value.a", false),
            ("value.b + 'value'", false),
        ] {
            assert_eq!(reads(text, "value", "a"), expected, "{text}");
        }
        assert!(reads("value.row.a", "value.row", "a") && !reads("value.row.a", "value.row", "row"));
    }
}

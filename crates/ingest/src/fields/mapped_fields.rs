use std::collections::BTreeSet;

use spanbridge_config::{AllFields, RowsTable};
use spanbridge_protocol::table::Table;

/// The fields of a record that the mapping already handles.
#[derive(Debug)]
pub(crate) struct MappedFields {
    /// The columns that the mapping or Spanner itself fills, in lower case.
    columns: BTreeSet<String>,
    /// All columns of the live table, in lower case.
    live: BTreeSet<String>,
    /// The `"*"`, which may exclude fields.
    all: AllFields,
    /// The expressions of the file's own entries.
    texts: Vec<String>,
}

impl MappedFields {
    /// Returns the fields that a table's entries handle, including copied fields that are already expanded.
    pub(crate) fn new(rows: &RowsTable, all: &AllFields, live: Option<&Table>) -> Self {
        let live = || live.into_iter().flat_map(|live| &live.columns);
        let lower = |name: &str| name.to_ascii_lowercase();
        let generated = live().filter(|column| column.generated).map(|column| lower(&column.name));
        let mapped = rows.columns.iter().map(|mapping| lower(&mapping.column));
        let own = rows.columns.iter().filter(|mapping| !mapping.copied);
        Self {
            columns: generated.chain(mapped).collect(),
            live: live().map(|column| lower(&column.name)).collect(),
            all: all.clone(),
            texts: own.map(|mapping| mapping.expr.to_string()).collect(),
        }
    }

    /// Returns true if the field is excluded, if its column is filled, or if it has no column and an entry reads it for
    /// another column.
    pub(crate) fn contains(&self, field: &str) -> bool {
        let column = field.to_ascii_lowercase();
        self.all.excludes(field)
            || self.columns.contains(&column)
            || !self.live.contains(&column)
                && self.texts.iter().any(|text| reads(text, &self.all.path, field))
    }
}

/// Returns true if an expression names a field of a record, as `record.field` or `record['field']`.
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
    fn expression_reads_the_fields_it_names() {
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

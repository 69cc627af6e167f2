//! The differences between two versions of a table, as far as they are published.

use spanbridge_protocol::table::{Column, Table};

/// Describes each difference in a part of a sentence.
pub(super) fn differences(before: &Table, after: &Table) -> Vec<String> {
    let mut differences = Vec::new();
    for new in &after.columns {
        match before.column(&new.name) {
            None => differences.push(format!("column `{}` {}{} is added", new.name, new.ty, not_null(new))),
            Some(old) => differences.extend(column_differences(old, new)),
        }
    }
    let removed = before.columns.iter().filter(|old| after.column(&old.name).is_none());
    differences.extend(removed.map(|old| format!("column `{}` is no longer published", old.name)));
    let key = |table: &Table| {
        let names: Vec<String> = table.key().iter().map(|column| column.name.clone()).collect();
        names.join(", ")
    };
    let (old, new) = (key(before), key(after));
    if old != new {
        differences.push(format!("the key is ({new}) instead of ({old})"));
    }
    differences
}

fn column_differences(old: &Column, new: &Column) -> Vec<String> {
    let name = &new.name;
    let mut differences = Vec::new();
    if old.ty != new.ty {
        differences.push(format!("column `{name}` is {} instead of {}", new.ty, old.ty));
    }
    match (old.nullable, new.nullable) {
        (true, false) => differences.push(format!("column `{name}` is NOT NULL")),
        (false, true) => differences.push(format!("column `{name}` is no longer NOT NULL")),
        _ => {}
    }
    differences
}

fn not_null(column: &Column) -> &'static str {
    if column.nullable { "" } else { " NOT NULL" }
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::value::Type;

    use super::*;

    fn table(columns: &[(&str, Type, bool, Option<usize>)]) -> Table {
        let columns = columns.iter().map(|(name, ty, nullable, key)| Column {
            name: (*name).to_owned(),
            ty: ty.clone(),
            length: None,
            nullable: *nullable,
            generated: false,
            has_default: false,
            commit_timestamp: false,
            key_ordinal: *key,
            key_descending: false,
        });
        Table { name: "T".to_owned(), columns: columns.collect(), parent: None }
    }

    #[test]
    fn each_difference_is_described_once() {
        let before = table(&[
            ("Id", Type::Int64, false, Some(0)),
            ("Day", Type::Date, false, None),
            ("Text", Type::String, true, None),
            ("Old", Type::Bool, true, None),
        ]);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        let after = table(&[
            ("Id", Type::Int64, false, Some(0)),
            ("Day", Type::Date, true, Some(1)),
            ("Text", Type::Bytes, false, None),
            ("New", Type::Float64, false, None),
        ]);
        let expected = [
            "column `Day` is no longer NOT NULL",
            "column `Text` is BYTES instead of STRING",
            "column `Text` is NOT NULL",
            "column `New` FLOAT64 NOT NULL is added",
            "column `Old` is no longer published",
            "the key is (Id, Day) instead of (Id)",
        ];
        assert_eq!(differences(&before, &after), expected);
    }
}

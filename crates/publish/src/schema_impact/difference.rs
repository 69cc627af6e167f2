//! What is different of two tables, as far as it is published.

use spanbridge_protocol::table::{Column, Table};

/// A sentence's part for each difference.
pub(super) fn differences(before: &Table, after: &Table) -> Vec<String> {
    let mut said = Vec::new();
    for new in &after.columns {
        match before.column(&new.name) {
            None => said.push(format!("column `{}` {}{} is added", new.name, new.ty, not_null(new))),
            Some(old) => said.extend(column(old, new)),
        }
    }
    let gone = before.columns.iter().filter(|old| after.column(&old.name).is_none());
    said.extend(gone.map(|old| format!("column `{}` is gone", old.name)));
    let key = |table: &Table| {
        let names: Vec<String> = table.key().iter().map(|column| column.name.clone()).collect();
        names.join(", ")
    };
    let (old, new) = (key(before), key(after));
    if old != new {
        said.push(format!("the key is ({new}) instead of ({old})"));
    }
    said
}

fn column(old: &Column, new: &Column) -> Vec<String> {
    let name = &new.name;
    let mut said = Vec::new();
    if old.ty != new.ty {
        said.push(format!("column `{name}` is {} instead of {}", new.ty, old.ty));
    }
    match (old.nullable, new.nullable) {
        (true, false) => said.push(format!("column `{name}` is NOT NULL")),
        (false, true) => said.push(format!("column `{name}` is NOT NULL no more")),
        _ => {}
    }
    said
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
    fn each_difference_is_told_once() {
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
            "column `Day` is NOT NULL no more",
            "column `Text` is BYTES instead of STRING",
            "column `Text` is NOT NULL",
            "column `New` FLOAT64 NOT NULL is added",
            "column `Old` is gone",
            "the key is (Id, Day) instead of (Id)",
        ];
        assert_eq!(differences(&before, &after), expected);
    }
}

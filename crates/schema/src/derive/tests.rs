use super::*;
use crate::definition::Timestamps;

const NATIVE: Style = Style::Native(Timestamps::Text);

fn column(name: &str, ty: Type, key: Option<usize>) -> Column {
    Column {
        name: name.into(),
        ty,
        length: None,
        nullable: false,
        generated: false,
        has_default: false,
        commit_timestamp: false,
        key_ordinal: key,
        key_descending: false,
    }
}

fn flights() -> Table {
    Table {
        name: "Flights".into(),
        columns: vec![
            column("Note", Type::String, None),
            column("Id", Type::Int64, Some(1)),
            column("Day", Type::Date, Some(0)),
        ],
        parent: None,
    }
}

fn names(row: &RowSchema) -> Vec<&str> {
    row.columns().iter().map(|column| &*column.field).collect()
}

#[test]
fn a_key_has_its_columns_in_key_order() {
    let key = key(&flights(), NATIVE).unwrap();
    assert_eq!(names(&key), ["Day", "Id"]);
    assert_eq!(key.record().full_name(), "Flights.Key");
    assert_eq!(key.record().required(None), ["Day", "Id"]);
}

#[test]
fn not_null_is_kept_where_the_row_is_whole() {
    let row = |extent| row(&flights(), NATIVE, extent).unwrap();
    assert_eq!(names(&row(Extent::Whole)), ["Note", "Id", "Day"]);
    assert_eq!(row(Extent::Whole).record().required(None), ["Note", "Id", "Day"]);
    for (extent, name) in [(Extent::Partial, "Flights.Value"), (Extent::Before, "Flights.Before")] {
        assert_eq!(row(extent).record().full_name(), name);
        assert_eq!(row(extent).record().required(None), ["Id", "Day"]);
    }
}

#[test]
fn what_cannot_be_derived_is_refused() {
    let mut table = Table { name: "T".into(), columns: vec![column("a b", Type::Bool, None)], parent: None };
    assert_eq!(key(&table, NATIVE).unwrap_err().kind(), Kind::Underivable);
    table.columns.push(column("a-b", Type::Bool, None));
    let error = row(&table, NATIVE, Extent::Whole).unwrap_err();
    assert_eq!(error.kind(), Kind::Underivable);
    assert!(error.to_string().contains("a b and a-b"), "{error}");
}

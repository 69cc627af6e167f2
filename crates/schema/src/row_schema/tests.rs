use super::*;
use crate::definition::TimestampEncoding;

const NATIVE: TypeMapping = TypeMapping::Native(TimestampEncoding::Text);

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
fn key_columns_are_in_key_order() {
    let key = RowSchema::of_key(&flights(), NATIVE).unwrap();
    assert_eq!(names(&key), ["Day", "Id"]);
    assert_eq!(key.record().full_name(), "Flights.Key");
    assert_eq!(key.record().required_fields(None), ["Day", "Id"]);
}

#[test]
fn not_null_column_is_required_only_in_full_rows() {
    let row = |image| RowSchema::of_row(&flights(), NATIVE, image).unwrap();
    assert_eq!(names(&row(RowImage::Full)), ["Note", "Id", "Day"]);
    assert_eq!(row(RowImage::Full).record().required_fields(None), ["Note", "Id", "Day"]);
    for (image, name) in [(RowImage::Partial, "Flights.Value"), (RowImage::Before, "Flights.Before")] {
        assert_eq!(row(image).record().full_name(), name);
        assert_eq!(row(image).record().required_fields(None), ["Id", "Day"]);
    }
}

#[test]
fn missing_key_and_equal_field_names_are_rejected() {
    let mut table = Table { name: "T".into(), columns: vec![column("a b", Type::Bool, None)], parent: None };
    assert_eq!(RowSchema::of_key(&table, NATIVE).unwrap_err().kind(), ErrorKind::Underivable);
    table.columns.push(column("a-b", Type::Bool, None));
    let error = RowSchema::of_row(&table, NATIVE, RowImage::Full).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Underivable);
    assert!(error.to_string().contains("a b and a-b"), "{error}");
}

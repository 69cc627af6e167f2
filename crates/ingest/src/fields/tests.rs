//! The fields of `"*"`, without a registry or Spanner.

use spanbridge_config::{Config, IngestTable, RowsTable};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::shape::{FieldShape, RecordShape};

use super::*;
use crate::schemas::Schemas;

const HEAD: &str = "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[spanner]\n\
    database = \"projects/demo/instances/demo/databases/flights\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n\
    [[ingest]]\nname = \"p\"\ntopics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\n";

fn config(columns: &str) -> Config {
    Config::parse("b.toml", &format!("{HEAD}columns = {{ {columns} }}\n")).unwrap()
}

fn record(fields: &[(&str, Shape)]) -> Shape {
    let field = |(name, shape): &(&str, Shape)| FieldShape { name: (*name).into(), shape: shape.clone() };
    let fields = fields.iter().map(field).collect();
    Shape::Record(RecordShape { name: None, fields, open: false })
}

fn table(columns: &[&str]) -> Table {
    let column = |(at, name): (usize, &&str)| Column {
        name: (*name).into(),
        ty: Type::String,
        length: None,
        nullable: at > 0,
        generated: *name == "Made",
        has_default: false,
        commit_timestamp: false,
        key_ordinal: (at == 0).then_some(0),
        key_descending: false,
    };
    Table { name: "T".into(), columns: columns.iter().enumerate().map(column).collect(), parent: None }
}

fn schemas() -> Schemas {
    Schemas::of(record(&[
        ("id", Shape::Int(64)),
        ("name", Shape::String),
        ("made", Shape::String),
        ("tags", Shape::List(Box::new(Shape::String))),
        ("first-name", Shape::String),
        ("open", Shape::Any),
    ]))
}

fn rows(table: &IngestTable) -> &RowsTable {
    let IngestTable::Rows(rows) = table else { panic!("rows") };
    rows
}

/// Returns the columns as the file would write them.
fn expanded(columns: &str, live: Option<&Table>, unmatched: UnmatchedFields) -> Result<Vec<String>, String> {
    let config = config(columns);
    let expanded = expand(&config, &config.ingest[0], &[live.cloned()], &schemas(), unmatched);
    let expanded = expanded.map_err(|error| error.to_string())?;
    let column = |mapping: &spanbridge_config::Mapping| format!("{}={}", mapping.column, mapping.expr);
    Ok(rows(&expanded.tables[0]).columns.iter().map(column).collect())
}

#[test]
fn field_fills_the_column_of_its_name() {
    let live = table(&["ID", "Name", "Made", "Other"]);
    let left_out = |columns| expanded(columns, Some(&live), UnmatchedFields::LeaveOut).unwrap();
    assert_eq!(left_out(r#""*" = "value""#), ["ID=value.id", "Name=value.name"]);
    // The file's own entry replaces the copy. The field that it reads may also be copied.
    assert_eq!(left_out(r#""*" = "value", id = "offset""#), ["id=offset", "Name=value.name"]);
    assert_eq!(
        left_out(r#"Other = "value.id", "*" = "value""#),
        ["Other=value.id", "ID=value.id", "Name=value.name"]
    );
}

#[test]
fn excluded_field_is_neither_copied_nor_missing() {
    let text = format!("{HEAD}exclude = [\"NAME\", \"*-name\", \"o*\"]\ncolumns = {{ \"*\" = \"value\" }}\n");
    let config = Config::parse("b.toml", &text).unwrap();
    let live = table(&["ID", "Name", "Made"]);
    let pipeline = &config.ingest[0];
    let expanded =
        expand(&config, pipeline, &[Some(live.clone())], &schemas(), UnmatchedFields::LeaveOut).unwrap();
    let columns: Vec<_> =
        rows(&expanded.tables[0]).columns.iter().map(|own| own.column.to_string()).collect();
    assert_eq!(columns, ["ID"]);
    let rows = rows(&pipeline.tables[0]);
    let all = rows.all.as_ref().unwrap();
    let missing = missing_columns(rows, all, &live, &wildcard_fields(&schemas(), all).unwrap());
    assert_eq!(missing.iter().map(|missing| missing.field.as_str()).collect::<Vec<_>>(), ["tags"]);
    // A record with only excluded fields beside the known ones is mapped without a look at the table.
    let mapped = MappedFields::new(rows, all, Some(&live));
    assert!(mapped.contains("open") && mapped.contains("Open") && !mapped.contains("tags"));
}

#[test]
fn plan_has_a_column_for_each_field_that_no_entry_reads() {
    let columns = r#"Id = "value.id", First = "value['first-name']", "*" = "value""#;
    let planned = expanded(columns, None, UnmatchedFields::PlanColumn).unwrap();
    let first = "First=value['first-name']";
    assert_eq!(
        planned,
        ["Id=value.id", first, "name=value.name", "made=value.made", "tags=value.tags", "open=value.open"]
    );
}

#[test]
fn field_without_column_has_ddl_or_a_reason() {
    let config = config(r#""*" = "value""#);
    let live = table(&["Id", "Name", "Made"]);
    let rows = rows(&config.ingest[0].tables[0]);
    let all = rows.all.as_ref().unwrap();
    let found = missing_columns(rows, all, &live, &wildcard_fields(&schemas(), all).unwrap());
    let found: Vec<_> =
        found.iter().map(|missing| (missing.field.as_str(), missing.ddl.as_deref())).collect();
    let tags = found[0];
    assert_eq!(tags, ("tags", Ok("ALTER TABLE `T` ADD COLUMN `tags` ARRAY<STRING(MAX)>")));
    let why = |at: usize| found[at].1.unwrap_err().to_string();
    assert_eq!((found[1].0, why(1).as_str()), ("first-name", &why(1)[..]));
    assert!(why(1).contains("not a valid column name") && why(2).contains("does not determine"), "{found:?}");
}

#[test]
fn non_records_and_ambiguous_fields_are_rejected_at_their_place() {
    let wrong = |path: &str, shape: Shape| {
        let config = config(&format!("\"*\" = \"{path}\""));
        let expanded =
            expand(&config, &config.ingest[0], &[None], &Schemas::of(shape), UnmatchedFields::LeaveOut);
        expanded.unwrap_err().to_string()
    };
    let error = wrong("value.id", record(&[("id", Shape::Int(64))]));
    assert!(error.starts_with("b.toml:12:19: ") && error.contains("not one record"), "{error}");
    let error = wrong("value", record(&[("a", Shape::Bool), ("A", Shape::Bool)]));
    assert!(error.contains("fields `a` and `A`"), "{error}");
}

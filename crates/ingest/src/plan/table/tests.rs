use spanbridge_schema::Shape;
use spanbridge_schema::shape::{FieldShape, RecordShape};

use super::super::merged_view;
use super::*;
use crate::ddl::{create_view, is_same_query};
use crate::environment::tests::table as live;

const HEAD: &str = "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[spanner]\n\
    database = \"projects/demo/instances/demo/databases/flights\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n\
    [[ingest]]\nname = \"p\"\ntopics = [\"t\"]\n[[ingest.table]]\n";

fn config(table: &str) -> Config {
    Config::parse("b.toml", &format!("{HEAD}{table}")).unwrap()
}

fn schemas() -> Schemas {
    let fields = [
        ("id", Shape::Int(64)),
        ("name", Shape::String.nullable()),
        ("tags", Shape::List(Box::new(Shape::String))),
        ("price", Shape::Decimal { precision: Some(9), scale: Some(2) }),
    ];
    let field = |(name, shape): (&str, Shape)| FieldShape { name: name.into(), shape };
    let fields = fields.into_iter().map(field).collect();
    Schemas::of(Shape::Record(RecordShape { name: None, fields, open: false }))
}

/// Returns the statements or mistakes, and the notes.
fn noted(
    config: &Config,
    live: Option<&Table>,
    before: Option<&Table>,
    keys: &[PrimaryKey],
) -> (Result<Vec<String>, Vec<Error>>, Vec<String>) {
    let mut notes = Vec::new();
    let planned = statements(config, &config.ingest[0].tables[0], live, before, keys, &schemas(), &mut notes);
    (planned, notes)
}

/// Returns the statements, or each mistake with its code.
fn planned(table: &str, live: Option<&Table>, keys: &[&str]) -> Result<Vec<String>, Vec<String>> {
    planned_after(None, table, live, keys)
}

/// Returns the same after a previous version.
fn planned_after(
    before: Option<&Table>,
    table: &str,
    live: Option<&Table>,
    keys: &[&str],
) -> Result<Vec<String>, Vec<String>> {
    let config = config(table);
    let keys: Vec<PrimaryKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
    let planned = noted(&config, live, before, &keys).0;
    planned.map_err(|errors| errors.iter().map(|error| format!("{} {error}", error.kind().code())).collect())
}

const ROWS: &str = "table = \"s.T\"\ncolumns = { Id = \"value.id\", Name = \"value.name\", Tags = \"value.tags\", \
    At = \"timestamp\", Kind = \"headers.kind\", Key = { expr = \"offset\" } }\n";

#[test]
fn unknown_type_is_taken_from_the_previous_version() {
    let table = "table = \"T\"\ncolumns = { Id = \"value.id\", Twice = \"value.id * 2\" }\n";
    let before = live(&[("Id", Type::String), ("Twice", Type::Numeric)]);
    let expected = "CREATE TABLE `T` (\n  `Id` INT64 NOT NULL,\n  `Twice` NUMERIC,\n) PRIMARY KEY (`Id`)";
    assert_eq!(planned_after(Some(&before), table, None, &["T=Id"]).unwrap(), [expected]);
    let expected = "CREATE TABLE `T` (\n  `Id` INT64 NOT NULL,\n) PRIMARY KEY (`Id`)";
    let other = live(&[("Id", Type::String)]);
    assert_eq!(planned_after(Some(&other), table, None, &["T=Id"]).unwrap(), [expected]);
}

#[test]
fn row_table_has_the_key_of_the_command_line() {
    let expected = "CREATE TABLE `s`.`T` (\n  `Id` INT64 NOT NULL,\n  `Name` STRING(MAX),\n  \
        `Tags` ARRAY<STRING(MAX)>,\n  `At` TIMESTAMP,\n  `Kind` STRING(MAX),\n  `Key` INT64,\n) \
        PRIMARY KEY (`Name`, `Id`)";
    assert_eq!(planned(ROWS, None, &["s.T=Name,Id"]).unwrap(), [expected]);
}

#[test]
fn unknown_keys_and_types_are_mistakes_at_their_place() {
    let code = |table: &str, keys: &[&str]| planned(table, None, keys).unwrap_err()[0].clone();
    assert!(code(ROWS, &[]).starts_with("SB-PLAN-KEY b.toml:11:9: "), "{}", code(ROWS, &[]));
    assert!(code(ROWS, &["s.T=Other"]).contains("Other of table `s.T` is not mapped"));
    assert!(code(ROWS, &["s.T=Tags"]).contains("which a key cannot contain"));
    let expression = "table = \"T\"\ncolumns = { Id = \"value.id + 1\" }\n";
    assert!(code(expression, &["T=Id"]).starts_with("SB-PLAN-TYPE b.toml:12:18: "));
    let nowhere = "table = \"T\"\ncolumns = { Id = \"value.nowhere\" }\n";
    assert!(code(nowhere, &["T=Id"]).contains("has no field `nowhere`"));
}

#[test]
fn computed_column_is_noted_and_the_rest_is_planned() {
    let config = config(
        "table = \"T\"\ncolumns = { Id = \"value.id\", Twice = \"value.id * 2\", Name = \"value.name\" }\n",
    );
    let (planned, notes) = noted(&config, None, None, &["T=Id".parse().unwrap()]);
    let expected = "CREATE TABLE `T` (\n  `Id` INT64 NOT NULL,\n  `Name` STRING(MAX),\n) PRIMARY KEY (`Id`)";
    assert_eq!(planned.unwrap(), [expected]);
    assert!(notes.len() == 1 && notes[0].contains("T: without column Twice"), "{notes:?}");
    let (planned, notes) =
        noted(&config, Some(&live(&[("Id", Type::Int64), ("Twice", Type::Int64)])), None, &[]);
    assert_eq!((planned.unwrap().len(), notes), (1, vec![]));
}

#[test]
fn table_that_could_be_interleaved_is_noted() {
    let tables = "table = \"P\"\ncolumns = { Id = \"value.id\" }\n[[ingest.table]]\ntable = \"C\"\n\
        columns = { Id = \"value.id\", Tag = \"value.name\" }\n[[ingest.table]]\ntable = \"T\"\n\
        group_by = { Id = \"value.id\" }\naggregates = { N = \"count()\" }\n";
    let config = config(tables);
    let keys = ["P=Id", "C=id,Tag"].map(|key| key.parse().unwrap());
    let notes_of = |tables: &[Option<Table>]| {
        let notes = super::super::interleaving::notes(&config.ingest[0], tables, &keys);
        notes.into_iter().map(|note| note[..note.find(':').unwrap()].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(notes_of(&[None, None, None]), ["C", "T"]);
    let there = || Some(live(&[("Id", Type::Int64)]));
    assert_eq!(notes_of(&[there(), None, there()]), ["C"]);
    assert_eq!(notes_of(&[None, there(), there()]), [""; 0]);
}

#[test]
fn aggregate_table_has_its_key_and_companions() {
    let table = "table = \"T\"\ngroup_by = { Id = \"value.id\" }\n\
        window = { kind = \"session\", gap = \"1m\", time = \"value.at\", start = \"S\", end = \"E\", final = \"F\" }\n\
        aggregates = { N = \"count()\", P = \"avg(value.price)\", L = \"last(value.name)\", \
        D = \"approx_distinct(value.id + 1)\" }\n";
    let expected = "CREATE TABLE `T` (\n  `Id` INT64 NOT NULL,\n  `SourcePartition` INT64 NOT NULL,\n  \
        `S` TIMESTAMP,\n  `E` TIMESTAMP NOT NULL,\n  `F` BOOL NOT NULL DEFAULT (FALSE),\n  \
        `N` INT64,\n  `P` NUMERIC,\n  `PSum` NUMERIC,\n  \
        `PCount` INT64,\n  `L` STRING(MAX),\n  `LAt` TIMESTAMP,\n  `D` INT64,\n  `DSketch` BYTES(MAX),\n) \
        PRIMARY KEY (`Id`, `SourcePartition`, `E`)";
    assert_eq!(planned(table, None, &[]).unwrap(), [expected]);
}

#[test]
fn live_table_gets_missing_columns() {
    let table = "table = \"T\"\nownership = \"shared\"\ngroup_by = { Id = \"value.id\" }\n\
        aggregates = { P = \"avg(value.price * 2)\", L = \"last(value.name)\" }\n";
    let found = live(&[("id", Type::Int64), ("P", Type::Float64), ("L", Type::String)]);
    let expected = [
        "ALTER TABLE `T` ADD COLUMN `PSum` FLOAT64",
        "ALTER TABLE `T` ADD COLUMN `PCount` INT64",
        "ALTER TABLE `T` ADD COLUMN `LAt` TIMESTAMP",
    ];
    assert_eq!(planned(table, Some(&found), &[]).unwrap(), expected);
    let without_key = live(&[("Other", Type::Int64), ("P", Type::Float64)]);
    assert!(planned(table, Some(&without_key), &[]).unwrap_err()[0].starts_with("SB-PLAN-KEY"));
}

fn merged(table: &str) -> Option<merged_view::MergedView> {
    match &config(table).ingest[0].tables[0] {
        IngestTable::Aggregates(table) => merged_view::merged(table),
        IngestTable::Rows(_) => panic!("no aggregates"),
    }
}

#[test]
fn merged_view_contains_all_mergeable_aggregates() {
    let table = "table = \"s.T\"\ngroup_by = { G = \"value.id\" }\n\
        window = { kind = \"tumbling\", size = \"1h\", time = \"value.at\", start = \"W\" }\n\
        aggregates = { N = \"count()\", S = \"sum(value.id)\", Lo = \"min(value.id)\", Hi = \"max(value.id)\", \
        A = \"avg(value.id)\", F = \"first(value.id)\", L = \"last(value.id)\", D = \"approx_distinct(value.id)\" }\n";
    let merged_view::MergedView { name, query, left_out } = merged(table).unwrap();
    let query = query.unwrap();
    let expected = "SELECT t.`G`, t.`W`, SUM(t.`N`) AS `N`, SUM(t.`S`) AS `S`, MIN(t.`Lo`) AS `Lo`, \
        MAX(t.`Hi`) AS `Hi`, SUM(t.`ASum`) / NULLIF(SUM(t.`ACount`), 0) AS `A`, SUM(t.`ASum`) AS `ASum`, \
        SUM(t.`ACount`) AS `ACount`, ANY_VALUE(t.`F` HAVING MIN t.`FAt`) AS `F`, MIN(t.`FAt`) AS `FAt`, \
        ANY_VALUE(t.`L` HAVING MAX t.`LAt`) AS `L`, MAX(t.`LAt`) AS `LAt` FROM `s`.`T` AS t GROUP BY t.`G`, t.`W`";
    assert_eq!(query, expected);
    assert!(left_out.len() == 1 && left_out[0].contains("without D"), "{left_out:?}");
    let statement = create_view(&name, &query);
    assert!(statement.starts_with("CREATE OR REPLACE VIEW `s`.`TMerged` SQL SECURITY INVOKER AS SELECT "));
    assert!(is_same_query(&query.replace(", ", ",\n  "), &query));
    assert!(!is_same_query(&query.replace("MIN", "MAX"), &query));
}

#[test]
fn sliding_windows_have_no_merged_view() {
    let table = "table = \"T\"\n\
        window = { kind = \"sliding\", size = \"1h\", time = \"value.at\", start = \"W\", latest = \"M\" }\n\
        aggregates = { N = \"count()\" }\n";
    let merged_sliding = merged(table).unwrap();
    assert!(merged_sliding.query.is_none() && merged_sliding.left_out[0].contains("sliding"));
    assert_eq!(merged("table = \"T\"\nownership = \"shared\"\naggregates = { N = \"count()\" }\n"), None);
}

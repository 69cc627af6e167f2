//! What is said of the file and of tables, without the parts.

use spanbridge_protocol::table::{OnDelete, Parent, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::shape::{FieldShape, RecordShape};

use super::*;
use crate::live::tests::table;
use crate::schemas::Version;

const HEAD: &str = "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[spanner]\n\
    database = \"projects/demo/instances/demo/databases/flights\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n\
    [[ingest]]\nname = \"p\"\nkey = { format = \"string\" }\n";

fn config(pipeline: &str) -> Config {
    Config::parse("b.toml", &format!("{HEAD}{pipeline}")).unwrap()
}

fn found(report: &Report<'_>) -> Vec<(Severity, &'static str)> {
    report.findings.iter().map(|finding| (finding.severity, finding.error.kind().code())).collect()
}

#[test]
fn expressions_are_compiled_without_a_database() {
    let config = config(
        "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\ngroup_by = { A = \"value.a\" }\n\
         aggregates = { N = { expr = \"count()\", where = \"value.a +\" }, M = \"max(nothing.x)\" }\n",
    );
    let error = offline(&config, &config.ingest[0]).unwrap_err();
    let lines: Vec<usize> = error.mistakes().map(|mistake| mistake.position().0).collect();
    assert_eq!(lines, [14, 14], "{error}");
}

#[test]
fn a_group_is_whole_only_by_the_whole_key_of_one_topic() {
    let partitions = (Severity::Note, "SB-CHECK-PARTITIONS");
    let merge = (Severity::Warning, "SB-CHECK-MERGE");
    for (topics, groups, expected) in [
        ("\"t\"", "A = \"key\"", vec![]),
        ("\"t\", \"u\"", "A = \"key\", B = \"topic\"", vec![]),
        ("\"t\"", "A = \"topic\"", vec![partitions, merge]),
        ("\"t\"", "A = \"key + 'x'\"", vec![partitions, merge]),
        ("\"t\"", "A = \"value.a\"", vec![partitions, merge]),
    ] {
        let text = format!(
            "topics = [{topics}]\n[[ingest.table]]\ntable = \"T\"\ngroup_by = {{ {groups} }}\n\
             aggregates = {{ N = \"count()\", D = \"approx_distinct(value.x)\" }}\n"
        );
        let config = config(&text);
        let pipeline = &config.ingest[0];
        let mut report = Report::new(&config, "p");
        let IngestTable::Aggregates(table) = &pipeline.tables[0] else { panic!("no aggregates") };
        groups::check(&mut report, pipeline, table, &Schemas::of(Shape::Any));
        assert_eq!(found(&report), expected, "{topics} {groups}");
    }
}

#[test]
fn a_parent_comes_before_its_child() {
    let table = |name: &str, parent: Option<&str>| {
        let parent = parent.map(|parent| Parent { table: parent.into(), on_delete: OnDelete::NoAction });
        Some(Table { name: name.into(), columns: Vec::new(), parent })
    };
    let config = config(
        "topics = [\"t\"]\n[[ingest.table]]\ntable = \"A\"\ncolumns = { X = \"value.x\" }\n\
         [[ingest.table]]\ntable = \"B\"\ncolumns = { X = \"value.x\" }\n",
    );
    for (tables, expected) in [
        ([table("A", Some("B")), table("B", None)], vec![(Severity::Error, "SB-CHECK-INTERLEAVE")]),
        ([table("A", None), table("B", Some("A"))], vec![]),
        ([table("A", Some("Elsewhere")), table("B", None)], vec![]),
    ] {
        let mut report = Report::new(&config, "p");
        interleaving::check(&mut report, &config.ingest[0], &tables);
        assert_eq!(found(&report), expected);
    }
}

fn record(fields: &[(&str, Shape)]) -> Shape {
    let field = |(name, shape): &(&str, Shape)| FieldShape { name: (*name).into(), shape: shape.clone() };
    let fields = fields.iter().map(field).collect();
    Shape::Record(RecordShape { name: None, fields, open: false })
}

#[test]
fn other_messages_of_a_file_are_noted_once_each() {
    let config = config(
        "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\ncolumns = { Id = \"value.id\", Name = \"value.name\" }\n",
    );
    let mut version =
        Version::of("version 1".into(), record(&[("id", Shape::Int(64)), ("name", Shape::String)]));
    version.others =
        vec![("a.Same".into(), version.shape.clone()), ("a.Other".into(), record(&[("id", Shape::Bool)]))];
    let schemas = Schemas::of(Shape::Any).only("value", version);
    let tables = [Some(table(&[("Id", Type::Int64), ("Name", Type::String)]))];
    let mut report = Report::new(&config, "p");
    messages::check(&mut report, &config, &config.ingest[0], &tables, &schemas);
    assert_eq!(found(&report), [(Severity::Note, "SB-CHECK-MESSAGE")]);
    let said = report.findings[0].error.to_string();
    for part in ["a.Other", "Id: there is no lossless conversion", "no field `name`"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn all_fields_are_listed_and_those_without_a_column_weigh_by_what_is_done_about_them() {
    let shape = record(&[("id", Shape::Int(64)), ("name", Shape::String), ("a-b", Shape::String)]);
    let mut old = Version::of("version 1".into(), record(&[("gone", Shape::Bool)]));
    old.newest = false;
    for (evolve, expected) in [
        ("stop", [Severity::Error, Severity::Error, Severity::Warning]),
        ("add-columns", [Severity::Note, Severity::Error, Severity::Note]),
    ] {
        let config = config(&format!(
            "topics = [\"t\"]\nevolve = \"{evolve}\"\n[[ingest.table]]\ntable = \"T\"\ncolumns = {{ \"*\" = \"value\" }}\n"
        ));
        let mut schemas = Schemas::of(shape.clone());
        schemas.value.versions.insert(0, old.clone());
        let tables = [Some(table(&[("Id", Type::Int64)]))];
        let pipeline = &config.ingest[0];
        let pipeline = fields::expand(&config, pipeline, &tables, &schemas, Without::LeftOut).unwrap();
        let mut report = Report::new(&config, "p");
        columns::check(&mut report, &pipeline, &tables, &schemas);
        let [note, columns @ ..] = &found(&report)[..] else { panic!("nothing") };
        assert_eq!(*note, (Severity::Note, "SB-CHECK-FIELDS"));
        assert!(report.findings[0].error.to_string().contains("Id = value.id"));
        assert_eq!(columns, expected.map(|severity| (severity, "SB-CHECK-COLUMNS")), "{evolve}");
        let help = report.findings[1].error.mistakes().next().unwrap().help_text().unwrap();
        assert!(help.contains("ALTER TABLE `T` ADD COLUMN `name` STRING(MAX)"), "{help}");
    }
}

#[test]
fn a_promise_of_the_file_is_called_so() {
    let said = |more: &str| {
        let text = format!(
            "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\nversion = \"X\"\n{more}columns = {{ X = \"value.x\" }}\n"
        );
        guarantee(&config(&text).ingest[0]).join("\n")
    };
    assert!(said("").contains("compared under a lock"));
    assert!(said("transaction = \"blind\"\n").contains("the file's own promise"));
}

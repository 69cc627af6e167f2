//! Checks of the file and of tables, without Kafka, Spanner or the registry.

use spanbridge_protocol::table::{OnDelete, Parent, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::shape::{FieldShape, RecordShape};

use super::*;
use crate::environment::tests::table;
use crate::schemas::SchemaVersion;

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
fn offline_check_compiles_all_expressions() {
    let config = config(
        "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\ngroup_by = { A = \"value.a\" }\n\
         aggregates = { N = { expr = \"count()\", where = \"value.a +\" }, M = \"max(nothing.x)\" }\n",
    );
    let error = offline(&config, &config.ingest[0]).unwrap_err();
    let lines: Vec<usize> = error.mistakes().map(|mistake| mistake.position().0).collect();
    assert_eq!(lines, [14, 14], "{error}");
}

#[test]
fn group_is_in_one_partition_only_by_the_whole_key_of_one_topic() {
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
        partitioning::check(&mut report, pipeline, table, &Schemas::of(Shape::Any));
        assert_eq!(found(&report), expected, "{topics} {groups}");
    }
}

#[test]
fn child_before_its_parent_is_an_error() {
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
fn other_messages_that_do_not_fit_are_noted_once() {
    let config = config(
        "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\ncolumns = { Id = \"value.id\", Name = \"value.name\" }\n",
    );
    let mut version =
        SchemaVersion::of("version 1".into(), record(&[("id", Shape::Int(64)), ("name", Shape::String)]));
    version.other_messages =
        vec![("a.Same".into(), version.shape.clone()), ("a.Other".into(), record(&[("id", Shape::Bool)]))];
    let schemas = Schemas::of(Shape::Any).only("value", version);
    let tables = [Some(table(&[("Id", Type::Int64), ("Name", Type::String)]))];
    let mut report = Report::new(&config, "p");
    let messages = MessageCheck { config: &config, pipeline: &config.ingest[0], tables: &tables };
    messages.note_others(&mut report, &schemas);
    assert_eq!(found(&report), [(Severity::Note, "SB-CHECK-MESSAGE")]);
    let said = report.findings[0].error.to_string();
    for part in ["a.Other", "Id: there is no lossless conversion", "no field `name`"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn message_that_fits_is_chosen() {
    let config =
        config("topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\ncolumns = { Id = \"value.id\" }\n");
    let tables = [Some(table(&[("Id", Type::Int64)]))];
    let messages = MessageCheck { config: &config, pipeline: &config.ingest[0], tables: &tables };
    let (fits, other) = (record(&[("id", Shape::Int(64))]), record(&[("at", Shape::Timestamp)]));
    let version = |first: (&str, &Shape), second: (&str, &Shape)| {
        let mut version = SchemaVersion::of("version 1".into(), first.1.clone());
        version.message = Some(first.0.into());
        version.other_messages = vec![(second.0.into(), second.1.clone())];
        Schemas::of(Shape::Any).only("value", version)
    };
    for (mut schemas, chosen) in [
        (version(("a.Head", &other), ("a.Order", &fits)), "a.Order"),
        (version(("a.Order", &fits), ("a.Head", &other)), "a.Order"),
        (version(("a.Order", &fits), ("a.Same", &fits)), "a.Order"),
        (version(("a.Head", &other), ("a.Tail", &other)), "a.Head"),
    ] {
        messages.choose(&mut schemas);
        let version = &schemas.value.versions[0];
        assert_eq!(version.message.as_deref(), Some(chosen));
        assert_eq!(version.shape == fits, chosen == "a.Order");
        assert_eq!(version.other_messages.len(), 1);
    }
}

#[test]
fn missing_columns_are_errors_unless_the_pipeline_adds_them() {
    let shape = record(&[("id", Shape::Int(64)), ("name", Shape::String), ("a-b", Shape::String)]);
    let mut old = SchemaVersion::of("version 1".into(), record(&[("gone", Shape::Bool)]));
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
        let pipeline =
            fields::expand(&config, pipeline, &tables, &schemas, UnmatchedFields::LeaveOut).unwrap();
        let mut report = Report::new(&config, "p");
        wildcard::check(&mut report, &pipeline, &tables, &schemas);
        let [note, columns @ ..] = &found(&report)[..] else { panic!("nothing") };
        assert_eq!(*note, (Severity::Note, "SB-CHECK-FIELDS"));
        assert!(report.findings[0].error.to_string().contains("Id = value.id"));
        assert_eq!(columns, expected.map(|severity| (severity, "SB-CHECK-COLUMNS")), "{evolve}");
        let help = report.findings[1].error.mistakes().next().unwrap().help_text().unwrap();
        assert!(help.contains("ALTER TABLE `T` ADD COLUMN `name` STRING(MAX)"), "{help}");
    }
}

#[test]
fn promise_of_the_file_is_named_as_such() {
    let said = |more: &str| {
        let text = format!(
            "topics = [\"t\"]\n[[ingest.table]]\ntable = \"T\"\nversion = \"X\"\n{more}columns = {{ X = \"value.x\" }}\n"
        );
        guarantee(&config(&text).ingest[0]).join("\n")
    };
    assert!(said("").contains("compared under a lock"));
    assert!(said("transaction = \"blind\"\n").contains("because the file promises"));
}

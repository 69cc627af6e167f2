//! Versions of a pipeline.

use super::{assert_mistake, assert_mistakes, assert_valid};

const BATCH: &str = "batch = {";
const PUBLISH: &str = "[[publish]]";

/// Returns a pipeline with one row table, to be inserted before the publish pipeline.
fn pipeline(name: &str, version: &str, table: &str) -> String {
    format!(
        "[[ingest]]\nname = \"{name}\"\n{version}\ntopics = [\"b\"]\n\
         table = [{{ table = \"{table}\", columns = {{ A = \"1\" }} }}]\n[[publish]]"
    )
}

#[test]
fn version_has_its_own_identity_and_tables() {
    let config = assert_valid(PUBLISH, &pipeline("flights", "version = 2", "s.Flights"));
    let identities: Vec<&str> = config.ingest.iter().map(spanbridge_config::Ingest::identity).collect();
    assert_eq!(identities, ["flights", "flights@2"]);
    let [first, second] = [&config.ingest[0], &config.ingest[1]];
    assert_eq!(first.tables[0].table().as_str(), "Flights");
    assert_eq!(second.tables[0].table().as_str(), "s.Flights_v2");
    assert_eq!(second.logical(&second.tables[0]), "s.Flights");
    assert_eq!((first.version.number(), second.version.number()), (1, 2));
}

#[test]
fn bounds_and_lengths() {
    assert_mistake(&[
        (
            BATCH,
            "version = 0\nbatch = {",
            "14:11: `ingest.version` must be from 1 to 999, not 0",
            "choose a value within the bounds",
        ),
        (
            BATCH,
            "version = 1000\nbatch = {",
            "14:11: `ingest.version` must be from 1 to 999, not 1000",
            "choose a value within the bounds",
        ),
        (
            PUBLISH,
            &pipeline(&"n".repeat(62), "version = 10", "T"),
            "30:11: with its version, the pipeline's name has 65 characters",
            "`name@version` has at most 64: shorten the name",
        ),
        (
            PUBLISH,
            &pipeline("flights", "version = 2", &"t".repeat(126)),
            &format!("32:20: the table `{}_v2` of version 2 would have too long a name", "t".repeat(126)),
            "a name has at most 128 characters: shorten the table's",
        ),
    ]);
    assert_valid(PUBLISH, &pipeline(&"n".repeat(62), "version = 9", &"t".repeat(125)));
}

#[test]
fn versions_conflict_by_name_or_table() {
    let alone = "give the pipeline with versions its own tables: a switch shows a whole table or nothing";
    assert_mistakes(&[
        (
            PUBLISH,
            &pipeline("flights", "version = 1", "T"),
            &["29:8: the ingest pipeline `flights` appears twice"],
        ),
        (
            PUBLISH,
            &pipeline("flights", "version = 2", "T")
                .replace(PUBLISH, &pipeline("flights", "version = 2", "U")),
            &["34:8: the ingest pipeline `flights@2` appears twice"],
        ),
        (
            PUBLISH,
            &pipeline("flights", "version = 2", "T")
                .replace(PUBLISH, &pipeline("other", "", "T_v2"))
                .replace("\n\n", "\n"),
            &["32:20: two mappings write the table `T` in conflict"],
        ),
    ]);
    assert_mistake(&[(
        PUBLISH,
        &pipeline("other", "version = 2", "flights"),
        "32:20: two mappings write the table `flights` in conflict",
        alone,
    )]);
    // The written tables conflict, whatever their names in the file are.
    let aggregates = pipeline("flights", "version = 2", "Delays")
        .replace("columns = { A = \"1\" }", "aggregates = { A = \"count()\" }")
        .replace(PUBLISH, &pipeline("flights", "version = 3", "Delays"));
    assert_valid(PUBLISH, &aggregates);
    assert_mistakes(&[(
        PUBLISH,
        "[[ingest.table]]\ntable = \"Delays_v2\"\ncolumns = { A = \"1\" }\n[[ingest]]\nname = \"flights\"\nversion = 2\ntopics = [\"b\"]\ntable = [{ table = \"Delays\", aggregates = { A = \"count()\" } }]\n[[publish]]",
        &["35:20: two mappings write the table `Delays_v2` in conflict"],
    )]);
}

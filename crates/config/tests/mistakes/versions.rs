//! Versions of a pipeline.

use super::{accepted, explained, refused};

const BATCH: &str = "batch = {";
const PUBLISH: &str = "[[publish]]";

/// A pipeline with one table of rows, before the publish pipeline.
fn pipeline(name: &str, version: &str, table: &str) -> String {
    format!(
        "[[ingest]]\nname = \"{name}\"\n{version}\ntopics = [\"b\"]\n\
         table = [{{ table = \"{table}\", columns = {{ A = \"1\" }} }}]\n[[publish]]"
    )
}

#[test]
fn a_version_has_an_identity_and_tables_of_its_own() {
    let config = accepted(PUBLISH, &pipeline("flights", "version = 2", "s.Flights"));
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
    explained(&[
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
    accepted(PUBLISH, &pipeline(&"n".repeat(62), "version = 9", &"t".repeat(125)));
}

#[test]
fn names_and_tables_that_meet() {
    let alone = "a pipeline with versions needs tables of its own: a switch shows all of a table or nothing";
    refused(&[
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
    explained(&[(
        PUBLISH,
        &pipeline("other", "version = 2", "flights"),
        "32:20: two mappings write the table `flights` in conflict",
        alone,
    )]);
    // The tables that are written meet, whatever the file calls them.
    let aggregates = pipeline("flights", "version = 2", "Delays")
        .replace("columns = { A = \"1\" }", "aggregates = { A = \"count()\" }")
        .replace(PUBLISH, &pipeline("flights", "version = 3", "Delays"));
    accepted(PUBLISH, &aggregates);
    refused(&[(
        PUBLISH,
        "[[ingest.table]]\ntable = \"Delays_v2\"\ncolumns = { A = \"1\" }\n[[ingest]]\nname = \"flights\"\nversion = 2\ntopics = [\"b\"]\ntable = [{ table = \"Delays\", aggregates = { A = \"count()\" } }]\n[[publish]]",
        &["35:20: two mappings write the table `Delays_v2` in conflict"],
    )]);
}

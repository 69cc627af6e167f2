//! `"*"` in a table's columns.

use super::{accepted, explained, refused};

const COLUMNS: &str = "Flight = \"value.flight\"\n";
const TOPICS: &str = "topics = [\"flights\"]";

#[test]
fn it_takes_a_record_of_the_value() {
    let help = "write \"value\", or a path to a record such as \"value.row\"";
    let line = "19:7: `ingest.table.columns.*` takes the fields of `value` or of a record in it";
    for wrong in ["key", "value.", "value.a + 1", "values", "value.1a"] {
        explained(&[(COLUMNS, &format!("\"*\" = \"{wrong}\"\n"), line, help)]);
    }
    refused(&[
        (COLUMNS, "\"*\" = true\n", &["19:7: `ingest.table.columns.*` must be a string, not a boolean"]),
        ("group_by = { Origin", "group_by = { \"*\"", &["23:14: `*` is not a Spanner identifier"]),
    ]);
    for right in
        ["\"*\" = \"value\"\n", "\"*\" = \"value.after.row_1\"\n", "Flight = \"key\"\n\"*\" = \"value\"\n"]
    {
        accepted(COLUMNS, right);
    }
    // The live table says whether there is such a column.
    accepted(
        "mode = \"upsert\"\n[ingest.table.columns]\n",
        "version = \"At\"\n[ingest.table.columns]\n\"*\" = \"value\"\n",
    );
}

#[test]
fn it_needs_schemas_that_are_known() {
    let formats = |format: &str| format!("value = {{ format = \"{format}\" }}\n{TOPICS}");
    let all = |text: &str| super::spoiled(COLUMNS, "\"*\" = \"value\"\n").replace(TOPICS, text);
    let first = |text: &str| super::error(&all(text)).to_string();
    assert_eq!(first(&formats("json")), "f.toml:20:1: `\"*\"` needs a schema, and format `json` has none");
    // The base's aggregates mind the pattern too.
    let pattern = first("topics_pattern = \"^f\"");
    let expected = "f.toml:19:1: `\"*\"` needs known subjects, and those of topics by pattern are not known";
    assert!(pattern.contains(expected), "{pattern}");
    let named =
        "topics_pattern = \"^f\"\nvalue = { format = \"avro\", subject = \"record-name\", record = \"R\" }";
    assert!(!first(named).contains("needs known subjects"), "{}", first(named));
    for format in ["avro", "json-schema", "protobuf"] {
        spanbridge_config::Config::parse("f.toml", &all(&formats(format))).unwrap();
    }
}

#[test]
fn new_columns_are_of_tables_that_take_all_fields() {
    explained(&[
        (
            TOPICS,
            "topics = [\"flights\"]\nevolve = \"add-columns\"",
            "14:10: `evolve = \"add-columns\"` has no meaning without a table that takes all fields",
            "remove it, or write `\"*\" = \"value\"` into a table's `columns`",
        ),
        (
            "mode = \"upsert\"\n[ingest.table.columns]\n",
            "mode = \"delete\"\n[ingest.table.columns]\n\"*\" = \"value\"\n",
            "19:1: `\"*\"` has no meaning with `mode = \"delete\"`: a delete has a key alone",
            "map the columns of the primary key",
        ),
    ]);
    let text = super::spoiled(COLUMNS, "\"*\" = \"value\"\n")
        .replace(TOPICS, &format!("{TOPICS}\nevolve = \"add-columns\""));
    spanbridge_config::Config::parse("f.toml", &text).unwrap();
}

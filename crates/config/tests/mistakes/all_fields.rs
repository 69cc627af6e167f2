//! `"*"` in a table's columns.

use super::{assert_mistake, assert_mistakes, assert_valid};

const COLUMNS: &str = "Flight = \"value.flight\"\n";
const TOPICS: &str = "topics = [\"flights\"]";

#[test]
fn all_fields_must_name_a_record_of_the_value() {
    let help = "write \"value\", or a path to a record such as \"value.row\"";
    let line = "19:7: `ingest.table.columns.*` takes the fields of `value` or of a record in it";
    for invalid in ["key", "value.", "value.a + 1", "values", "value.1a"] {
        assert_mistake(&[(COLUMNS, &format!("\"*\" = \"{invalid}\"\n"), line, help)]);
    }
    assert_mistakes(&[
        (COLUMNS, "\"*\" = true\n", &["19:7: `ingest.table.columns.*` must be a string, not a boolean"]),
        ("group_by = { Origin", "group_by = { \"*\"", &["23:14: `*` is not a Spanner identifier"]),
    ]);
    for valid in
        ["\"*\" = \"value\"\n", "\"*\" = \"value.after.row_1\"\n", "Flight = \"key\"\n\"*\" = \"value\"\n"]
    {
        assert_valid(COLUMNS, valid);
    }
    // Only the live table shows whether the column exists.
    assert_valid(
        "mode = \"upsert\"\n[ingest.table.columns]\n",
        "version = \"At\"\n[ingest.table.columns]\n\"*\" = \"value\"\n",
    );
}

#[test]
fn all_fields_needs_known_schemas() {
    let formats = |format: &str| format!("value = {{ format = \"{format}\" }}\n{TOPICS}");
    let all = |text: &str| super::replace_in_base(COLUMNS, "\"*\" = \"value\"\n").replace(TOPICS, text);
    let first = |text: &str| super::error(&all(text)).to_string();
    assert_eq!(first(&formats("json")), "f.toml:20:1: `\"*\"` needs a schema, and format `json` has none");
    // The aggregates of the base conflict with the pattern too.
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
fn evolution_needs_a_table_with_all_fields() {
    assert_mistake(&[
        (
            TOPICS,
            "topics = [\"flights\"]\nevolve = \"add-columns\"",
            "14:10: `evolve = \"add-columns\"` has no meaning without a table that takes all fields",
            "remove it, or write `\"*\" = \"value\"` into a table's `columns`",
        ),
        (
            "mode = \"upsert\"\n[ingest.table.columns]\n",
            "mode = \"delete\"\n[ingest.table.columns]\n\"*\" = \"value\"\n",
            "19:1: `\"*\"` has no meaning with `mode = \"delete\"`: a delete has only a key",
            "map the columns of the primary key",
        ),
    ]);
    let text = super::replace_in_base(COLUMNS, "\"*\" = \"value\"\n")
        .replace(TOPICS, &format!("{TOPICS}\nevolve = \"add-columns\""));
    spanbridge_config::Config::parse("f.toml", &text).unwrap();
}

#[test]
fn exclude_belongs_to_all_fields() {
    assert_mistake(&[(
        "mode = \"upsert\"\n",
        "mode = \"upsert\"\nexclude = [\"__*\"]\n",
        "18:11: `exclude` has a meaning only beside `\"*\"`",
        "remove it: without `\"*\"`, only the named columns are written",
    )]);
    let all = |exclude: &str| format!("exclude = {exclude}\n[ingest.table.columns]\n\"*\" = \"value\"\n");
    let columns = "[ingest.table.columns]\n";
    assert_mistakes(&[
        (columns, &all("[]"), &["18:11: `ingest.table.exclude` is empty"]),
        (columns, &all("[\"a\", \"A\"]"), &["18:17: the field `A` appears twice"]),
    ]);
    assert_valid(columns, &all("[\"__*\", \"internal-id\"]"));
}

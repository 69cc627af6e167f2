//! `key` and `value`.

use super::{assert_mistake, assert_mistakes, assert_valid};

/// The base with a line before `batch`, which becomes line 14.
const BATCH: &str = "batch = {";

fn with(line: &str) -> String {
    format!("{line}\nbatch = {{")
}

#[test]
fn keys_and_words() {
    let case = |line: &str, expected: &[&str]| assert_mistakes(&[(BATCH, &with(line), expected)]);
    case("key = \"string\"", &["14:7: `ingest.key` must be a table, not a string"]);
    case("key = {}", &["14:7: `ingest.key.format` is missing"]);
    case("key = { format = \"jsn\" }", &["14:18: `format = \"jsn\"` is unknown; did you mean `json`?"]);
    case(
        "key = { format = \"avro\", unwrap = \"debezium\" }",
        &["14:26: unknown key `unwrap` in `ingest.key`"],
    );
    case(
        "value = { format = \"avro\", subjet = \"record-name\" }",
        &["14:28: unknown key `subjet` in `ingest.value`; did you mean `subject`?"],
    );
    case(
        "value = { format = \"avro\", subject = \"record\" }",
        &["14:38: `subject = \"record\"` is unknown"],
    );
    case(
        "value = { format = \"avro\", unwrap = \"debesium\" }",
        &["14:37: `unwrap = \"debesium\"` is unknown; did you mean `debezium`?"],
    );
    // One mistake must not cause another one.
    case(
        "value = { format = \"avro\", subject = \"record-nam\", record = \"a.B\" }",
        &["14:38: `subject = \"record-nam\"` is unknown; did you mean `record-name`?"],
    );
}

#[test]
fn mistakes_in_subjects_have_help() {
    let case =
        |line: &str, expected: &str, help: &str| assert_mistake(&[(BATCH, &with(line), expected, help)]);
    for strategy in ["record-name", "topic-record-name"] {
        case(
            &format!("value = {{ format = \"protobuf\", subject = \"{strategy}\" }}"),
            "14:9: `ingest.value.record` is missing",
            "add `record = …` to `ingest.value`",
        );
    }
    case(
        "value = { format = \"avro\", record = \"a.B\" }",
        "14:28: `record` has no meaning with subjects named after topics",
        "remove it, or write subject = \"record-name\" or \"topic-record-name\"",
    );
    case(
        "value = { format = \"avro\", subject = \"record-name\", record = \"a.\" }",
        "14:62: `ingest.value.record` is not the full name of a record",
        "write it as namespace.Name",
    );
    for format in ["json", "string", "int64", "bytes", "none"] {
        let line = format!("key = {{ subject = \"topic-name\", format = \"{format}\" }}");
        let expected = format!("14:9: `subject` has no meaning with the format {format}");
        case(&line, &expected, "remove it: only avro, json-schema and protobuf have schemas");
    }
}

#[test]
fn unwrap_needs_a_format_with_fields() {
    for format in ["string", "int64", "bytes", "none"] {
        let line = format!("value = {{ unwrap = \"debezium\", format = \"{format}\" }}");
        let (expected, help) =
            ("14:20: `unwrap` needs a format with fields", "one of: avro, json, json-schema, protobuf");
        assert_mistake(&[(BATCH, &with(&line), expected, help)]);
    }
    for format in ["avro", "json", "json-schema", "protobuf"] {
        assert_valid(BATCH, &with(&format!("value = {{ format = \"{format}\", unwrap = \"debezium\" }}")));
    }
    assert_valid(BATCH, &with("value = { format = \"string\", unwrap = \"none\" }"));
}

#[test]
fn message_belongs_to_a_protobuf_file_without_record() {
    let case =
        |line: &str, expected: &str, help: &str| assert_mistake(&[(BATCH, &with(line), expected, help)]);
    case(
        "value = { format = \"avro\", message = \"a.B\" }",
        "14:28: `message` has no meaning with the format avro",
        "remove it: only a Protobuf file has several messages",
    );
    case(
        "value = { format = \"protobuf\", message = \"a.B\", subject = \"record-name\", record = \"a.B\" }",
        "14:32: `message` excludes `record`",
        "remove it: `record` names the message",
    );
    assert_valid(BATCH, &with("value = { format = \"protobuf\", message = \"a.Outer.Inner\" }"));
}

#[test]
fn bare_bytes_belong_to_avro() {
    let case =
        |line: &str, expected: &str, help: &str| assert_mistake(&[(BATCH, &with(line), expected, help)]);
    case(
        "value = { format = \"json\", bare_bytes = \"raw\" }",
        "14:28: `bare_bytes` has no meaning with the format json",
        "remove it: only avro has values with and without a length",
    );
    for word in ["raw", "prefixed"] {
        assert_valid(BATCH, &with(&format!("value = {{ format = \"avro\", bare_bytes = \"{word}\" }}")));
    }
}

#[test]
fn connect_wraps_only_json() {
    let case =
        |line: &str, expected: &str, help: &str| assert_mistake(&[(BATCH, &with(line), expected, help)]);
    case(
        "value = { format = \"avro\", unwrap = \"connect\" }",
        "14:37: `unwrap = \"connect\"` needs the format json",
        "Connect's other converters write no `{schema, payload}`: remove it",
    );
    assert_valid(BATCH, &with("value = { format = \"json\", unwrap = \"connect\" }"));
}

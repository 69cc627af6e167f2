//! `[[publish]]`

use super::{accepted, refused};

#[test]
fn formats_and_types() {
    refused(&[
        (
            "shards = 4",
            "value = { format = \"json\", subject = \"topic-name\" }",
            &["33:28: `subject` is the name of a schema, and `format = \"json\"` has none"],
        ),
        (
            "shards = 4",
            "compatible = \"debezum\"",
            &["33:14: `compatible = \"debezum\"` is unknown; did you mean `debezium`?"],
        ),
        ("shards = 4", "timestamps = \"millis\"", &["33:14: `timestamps = \"millis\"` is unknown"]),
        (
            "shards = 4",
            "compatible = \"debezium\"\ntimestamps = \"micros\"",
            &["34:1: Debezium's timestamps are text"],
        ),
        (
            "shards = 4",
            "key = { format = \"json\" }\nvalue = { format = \"protobuf\" }\ntimestamps = \"nanos\"",
            &["35:1: `timestamps` is about Avro, and neither `key` nor `value` is"],
        ),
    ]);
    accepted("shards = 4", "key = { format = \"json\" }\ntimestamps = \"nanos\"");
    accepted("shards = 4", "value = { format = \"json-schema\" }\ncompatible = \"debezium\"");
}

//! Options that this version does not implement.

use super::assert_mistakes;

#[test]
fn unimplemented_options_are_rejected() {
    assert_mistakes(&[(
        "shards = 4",
        "key = { format = \"string\" }",
        &[
            "33:18: `format = \"string\"` is not supported by this version; supported: avro, json, json-schema, protobuf",
        ],
    )]);
}

//! TOML syntax, unknown and missing keys, wrong types.

use super::assert_mistakes;

#[test]
fn syntax() {
    assert_mistakes(&[
        ("log = \"info\"", "log = \"info", &["10:12: not TOML: invalid basic string, expected `\"`"]),
        ("log = \"info\"", "log \"info\"", &["10:5: not TOML: key with no value, expected `=`"]),
        ("shards = 4", "shards = 4\nshards = 5", &["34:1: not TOML: duplicate key"]),
        ("[telemetry]", "[registry]", &["9:2: not TOML: duplicate key"]),
    ]);
}

#[test]
fn keys() {
    assert_mistakes(&[
        ("shards = 4", "shard = 4", &["33:1: unknown key `shard` in `publish`; did you mean `shards`?"]),
        (
            "[telemetry]",
            "[telemetri]",
            &["9:2: unknown key `telemetri` at top level; did you mean `telemetry`?"],
        ),
        (
            "[[publish]]",
            "[[publishh]]",
            &["28:3: unknown key `publishh` at top level; did you mean `publish`?"],
        ),
        (
            "max_records = 10",
            "max-records = 10",
            &["14:11: unknown key `max-records` in `ingest.batch`; did you mean `max_records`?"],
        ),
        (
            "kind = \"tumbling\"",
            "kind = \"tumbling\", colour = 1",
            &["24:31: unknown key `colour` in `ingest.table.window`"],
        ),
        (
            "mode = \"upsert\"",
            "mod.e = \"upsert\"",
            &["17:1: unknown key `mod` in `ingest.table`; did you mean `mode`?"],
        ),
        (
            "[registry]\nurl = \"http://127.0.0.1:8081\"\n",
            "",
            &["9:1: this pipeline needs a schema registry, but the file has no section [registry]"],
        ),
        ("url = ", "username = ", &["7:1: `registry.url` is missing", "7:1: `registry.password` is missing"]),
        (
            "database = \"projects/p/instances/demo/databases/flights\"\n",
            "",
            &["5:1: `spanner.database` is missing"],
        ),
        ("name = \"flights\"\n", "", &["11:1: `ingest.name` is missing"]),
        ("table = \"Delays\"\n", "", &["21:1: `ingest.table.table` is missing"]),
        ("start = \"WindowStart\" ", "", &["24:10: `ingest.table.window.start` is missing"]),
        ("topics = [\"flights\"]\n", "", &["11:1: `ingest.topics` is missing"]),
    ]);
}

#[test]
fn types() {
    assert_mistakes(&[
        ("log = \"info\"", "log = 1", &["10:7: `telemetry.log` must be a string, not an integer"]),
        (
            "name = \"delays\"",
            "name = [\"delays\"]",
            &["29:8: `publish.name` must be a string, not an array"],
        ),
        (
            "topics = [\"flights\"]",
            "topics = \"flights\"",
            &["13:10: `ingest.topics` must be an array, not a string"],
        ),
        (
            "topics = [\"flights\"]",
            "topics = [\"flights\", 2]",
            &["13:22: `ingest.topics[1]` must be a string, not an integer"],
        ),
        (
            "batch = { max_records = 10, max_bytes = \"2MiB\", max_wait = \"50ms\" }",
            "batch = 10",
            &["14:9: `ingest.batch` must be a table, not an integer"],
        ),
        (
            "max_wait = \"50ms\"",
            "max_wait = 50",
            &[
                "14:60: `ingest.batch.max_wait` must be a string with a unit, such as \"50ms\", not an integer",
            ],
        ),
        (
            "max_bytes = \"2MiB\"",
            "max_bytes = 2.5",
            &["14:41: `ingest.batch.max_bytes` must be a string with a unit, such as \"2MiB\", not a float"],
        ),
        ("shards = 4", "shards = \"4\"", &["33:10: `publish.shards` must be an integer, not a string"]),
        (
            "shards = 4",
            "tombstones = \"yes\"",
            &["33:14: `publish.tombstones` must be true or false, not a string"],
        ),
        ("[[publish]]", "[publish]", &["28:1: `publish` is a list of pipelines"]),
        (
            "[[ingest.table]]\ntable = \"Flights\"",
            "[[ingest.table]]\ntable = { evn = \"T\" }",
            &[
                "16:9: `ingest.table.table` must be a string, or a table with either `env` or `file`",
                "16:11: unknown key `evn` in `ingest.table.table`; did you mean `env`?",
            ],
        ),
        (
            "\"security.protocol\"",
            "security.protocol",
            &["4:1: the Kafka property `security…` is not quoted, so that its dots make tables"],
        ),
    ]);
}

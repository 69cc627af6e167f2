//! Invalid values, and numbers out of bounds.

use super::assert_mistakes;

#[test]
fn values() {
    assert_mistakes(&[
        (
            "mode = \"upsert\"",
            "mode = \"upsrt\"",
            &["17:8: `mode = \"upsrt\"` is unknown; did you mean `upsert`?"],
        ),
        (
            "shards = 4",
            "envelope = \"Row\"",
            &["33:12: `envelope = \"Row\"` is unknown; did you mean `row`?"],
        ),
        ("name = \"flights\"", "name = \"my flights\"", &["12:8: `ingest.name` is not a pipeline name"]),
        ("topics = [\"flights\"]", "topics = []", &["13:10: `ingest.topics` is empty"]),
        (
            "topics = [\"flights\"]",
            "topics = [\"ok\", \"not ok\"]",
            &["13:17: `ingest.topics[1]` is not a topic name"],
        ),
        ("projects/p/", "project/p/", &["6:12: `spanner.database` is not the full name of a database"]),
        ("http://127.0.0.1:8081", "127.0.0.1:8081", &["8:7: `registry.url` is not a URL"]),
        ("127.0.0.1:9092", "127.0.0.1", &["2:21: `kafka.bootstrap_servers` is not a list of addresses"]),
        (
            "log = \"info\"",
            "listen = \"localhost:9464\"",
            &["10:10: `telemetry.listen` is not an IP address with a port"],
        ),
        (
            "log = \"info\"",
            "otlp_endpoint = \"http://me:hunter2@collector:4317\"",
            &["10:17: `telemetry.otlp_endpoint` contains a user name"],
        ),
        (
            "log = \"info\"",
            "token = \"hunter2\"",
            &["10:9: `telemetry.token` is a secret, which the file must not contain"],
        ),
        (
            "log = \"info\"",
            "tls = { certificate = \"a.pem\" }",
            &[
                "10:7: `telemetry.tls.key` is missing",
                "10:23: `telemetry.tls.certificate` is not an absolute path",
            ],
        ),
        ("table = \"Delays\"", "table = \"Delays-1\"", &["22:9: `ingest.table.table` is not a table name"]),
        (
            "Flight = \"value.flight\"",
            "\"Flight No\" = \"value.flight\"",
            &["19:1: `Flight No` is not a Spanner identifier"],
        ),
        ("Flight = \"value.flight\"", "Flight = \"  \"", &["19:10: `ingest.table.columns.Flight` is empty"]),
        (
            "group_by = { Origin = \"value.origin\" }",
            "group_by = {}",
            &["23:12: `ingest.table.group_by` is empty"],
        ),
        (
            "max_wait = \"50ms\"",
            "max_wait = \"50\"",
            &["14:60: the duration `ingest.batch.max_wait` has no unit"],
        ),
        (
            "max_bytes = \"2MiB\"",
            "max_bytes = \"-2MiB\"",
            &["14:41: the size `ingest.batch.max_bytes` is negative"],
        ),
        (
            "size = \"1h\"",
            "size = \"1hour\"",
            &["24:38: the duration `ingest.table.window.size` has an unknown unit `hour`"],
        ),
        (
            "{name}.{table}",
            "{name}.{tabel}",
            &["32:17: `publish.topic` has an unknown placeholder; did you mean `{table}`?"],
        ),
        (
            "{name}.{table}",
            "é {table}",
            &["32:10: `publish.topic` has a character that topic names cannot have"],
        ),
        ("{name}.{table}", "{name}.{table", &["32:17: `publish.topic` has a `{` without `}`"]),
        (
            "shards = 4",
            "state_topic = \"{table}.state\"",
            &["33:16: `publish.state_topic` has an unknown placeholder"],
        ),
        (
            "shards = 4",
            "start = \"nwo\"",
            &["33:9: `publish.start` is neither `now` nor an RFC 3339 timestamp; did you mean `now`?"],
        ),
        (
            "shards = 4",
            "start = \"2026-01-31\"",
            &["33:9: `publish.start` is neither `now` nor an RFC 3339 timestamp"],
        ),
        ("shards = 4", "start = 2026-01-31T00:00:00", &["33:9: `publish.start` has no offset from UTC"]),
        ("count()", "count(value.x)", &["26:12: `count` counts records and takes no argument"]),
        ("sum(value.delay)", "sum( )", &["27:13: `sum` needs an argument"]),
        ("sum(value.delay)", "summ(value.delay)", &["27:13: unknown aggregate `summ`; did you mean `sum`?"]),
        (
            "sum(value.delay)",
            "sum(value.delay) + 1",
            &["27:12: `ingest.table.aggregates.DelaySum` is not one call of an aggregate function"],
        ),
    ]);
}

#[test]
fn bounds() {
    assert_mistakes(&[
        (
            "max_records = 10",
            "max_records = 0",
            &["14:25: `ingest.batch.max_records` must be from 1 to 20000, not 0"],
        ),
        (
            "max_records = 10",
            "max_records = 20001",
            &["14:25: `ingest.batch.max_records` must be from 1 to 20000, not 20001"],
        ),
        (
            "max_records = 10",
            "max_records = -1",
            &["14:25: `ingest.batch.max_records` must be from 1 to 20000, not -1"],
        ),
        (
            "max_records = 10",
            "max_records = 99999999999999999999",
            &["14:25: `ingest.batch.max_records` must be from 1 to 20000, not 99999999999999999999"],
        ),
        (
            "max_bytes = \"2MiB\"",
            "max_bytes = \"65MiB\"",
            &["14:41: `ingest.batch.max_bytes` must be from 1B to 64MiB, not 65MiB"],
        ),
        (
            "max_bytes = \"2MiB\"",
            "max_bytes = \"0B\"",
            &["14:41: `ingest.batch.max_bytes` must be from 1B to 64MiB, not 0B"],
        ),
        (
            "max_wait = \"50ms\"",
            "max_wait = \"61s\"",
            &["14:60: `ingest.batch.max_wait` must be from 1ms to 1m, not 1m1s"],
        ),
        (
            "max_wait = \"50ms\"",
            "max_wait = \"999999999999999999d\"",
            &["14:60: the duration `ingest.batch.max_wait` is too large"],
        ),
        (
            "size = \"1h\"",
            "size = \"0s\"",
            &["24:38: `ingest.table.window.size` must be from 1ms to 366d, not 0s"],
        ),
        ("shards = 4", "shards = 257", &["33:10: `publish.shards` must be from 1 to 256, not 257"]),
        (
            "shards = 4",
            "heartbeat = \"99ms\"",
            &["33:13: `publish.heartbeat` must be from 100ms to 5m, not 99ms"],
        ),
        (
            "shards = 4",
            "create_topics = { partitions = 0, replication_factor = 16 }",
            &[
                "33:32: `publish.create_topics.partitions` must be from 1 to 10000, not 0",
                "33:56: `publish.create_topics.replication_factor` must be from 1 to 15, not 16",
            ],
        ),
        ("log = \"info\"", "sample = 1.5", &["10:10: `telemetry.sample` must be from 0 to 1, not 1.5"]),
        ("log = \"info\"", "sample = nan", &["10:10: `telemetry.sample` must be from 0 to 1, not nan"]),
        ("log = \"info\"", "sample = 2", &["10:10: `telemetry.sample` must be from 0 to 1, not 2"]),
        (
            "log = \"info\"",
            "ready_timeout = \"999ms\"",
            &["10:17: `telemetry.ready_timeout` must be from 1s to 1h, not 999ms"],
        ),
    ]);
}

//! Each mistake: its line, its column and what is said.
#![allow(clippy::unwrap_used)]

mod base;

use base::{BASE, error, spoiled};
use spanbridge_config::Config;

/// Each case is what is replaced, by what, and all lines of the error without the file's name.
fn refused(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        let found = error(&spoiled(old, new)).to_string();
        let found: Vec<&str> = found.lines().map(|line| line.trim_start_matches("f.toml:")).collect();
        assert_eq!(&found, expected, "{old:?} -> {new:?}");
    }
}

#[test]
fn the_base_is_right() {
    Config::parse("f.toml", BASE).unwrap();
}

#[test]
fn syntax() {
    refused(&[
        ("log = \"info\"", "log = \"info", &["10:12: not TOML: invalid basic string, expected `\"`"]),
        ("log = \"info\"", "log \"info\"", &["10:5: not TOML: key with no value, expected `=`"]),
        ("shards = 4", "shards = 4\nshards = 5", &["34:1: not TOML: duplicate key"]),
        ("[telemetry]", "[registry]", &["9:2: not TOML: duplicate key"]),
    ]);
}

#[test]
fn keys() {
    refused(&[
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
        ("[registry]\nurl = \"http://127.0.0.1:8081\"\n", "", &["1:1: `registry` is missing"]),
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
    refused(&[
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

#[test]
fn values() {
    refused(&[
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
            &["10:17: `telemetry.otlp_endpoint` holds a user name"],
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
    refused(&[
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
    ]);
}

#[test]
fn not_yet() {
    refused(&[
        (
            "mode = \"upsert\"",
            "mode = \"insert\"",
            &["17:8: `mode = \"insert\"` is not supported by this version; supported: upsert"],
        ),
        ("mode = \"upsert\"", "version = \"Origin\"", &["17:1: `version` is not supported by this version"]),
        (
            "mode = \"upsert\"",
            "tombstones = \"delete\"",
            &[
                "17:14: `tombstones = \"delete\"` is not supported by this version; supported: ignore, dead-letter",
            ],
        ),
        (
            "mode = \"upsert\"",
            "transaction = \"read-write\"",
            &["17:1: `transaction` is not supported by this version"],
        ),
        (
            "topics = [\"flights\"]",
            "topics_pattern = \"^flights\"",
            &["13:1: `topics_pattern` is not supported by this version"],
        ),
        (
            "Flight = \"value.flight\"",
            "Flight = { expr = \"value.flight\", mask = \"hash\" }",
            &["19:35: `mask` is not supported by this version"],
        ),
        (
            "batch = {",
            "key = { format = \"json\" }\nbatch = {",
            &[
                "14:18: `format = \"json\"` is not supported by this version; supported: string, avro, int64, bytes, none",
            ],
        ),
        (
            "batch = {",
            "value = { format = \"json-schema\" }\nbatch = {",
            &["14:20: `format = \"json-schema\"` is not supported by this version; supported: avro"],
        ),
        (
            "batch = {",
            "value = { format = \"string\" }\nbatch = {",
            &["14:20: `format = \"string\"` is not supported by this version; supported: avro"],
        ),
        (
            "kind = \"tumbling\"",
            "kind = \"session\"",
            &["24:19: `kind = \"session\"` is not supported by this version; supported: tumbling"],
        ),
        (
            "kind = \"tumbling\"",
            "kind = \"tumbling\", late = \"drop\"",
            &["24:38: `late = \"drop\"` is not supported by this version; supported: update"],
        ),
        (
            "group_by =",
            "ownership = \"shared\"\ngroup_by =",
            &["23:13: `ownership = \"shared\"` is not supported by this version; supported: partition"],
        ),
        (
            "sum(value.delay)",
            "approx_distinct(value.delay)",
            &[
                "27:13: the aggregate `approx_distinct` is not supported by this version; supported: count, sum, min, max",
            ],
        ),
        (
            "shards = 4",
            "snapshot = \"initial\"",
            &["33:12: `snapshot = \"initial\"` is not supported by this version; supported: never"],
        ),
        (
            "shards = 4",
            "on_incompatible_schema = \"dead-letter\"",
            &[
                "33:26: `on_incompatible_schema = \"dead-letter\"` is not supported by this version; supported: stop",
            ],
        ),
        (
            "shards = 4",
            "skip_own = true",
            &["33:12: `skip_own = true` is not supported by this version; supported: false"],
        ),
        (
            "shards = 4",
            "value = { format = \"avro\", subject = \"record-name\" }",
            &["33:38: `subject = \"record-name\"` is not supported by this version; supported: topic-name"],
        ),
        (
            "shards = 4",
            "key = { format = \"protobuf\" }",
            &["33:18: `format = \"protobuf\"` is not supported by this version; supported: avro"],
        ),
        (
            "[registry]",
            "endpoint = \"http://127.0.0.1:1\"\nrole = \"r\"\n[registry]",
            &[
                "7:1: `endpoint` is not supported by this version",
                "8:1: `role` is not supported by this version",
            ],
        ),
        (
            "[telemetry]",
            "ca_file = \"/x\"\n[telemetry]",
            &["9:1: `ca_file` is not supported by this version"],
        ),
    ]);
}

#[test]
fn conflicts() {
    refused(&[
        (
            "[[publish]]",
            "[[ingest]]\nname = \"flights\"\ntopics = [\"b\"]\ntable = [{ table = \"T\", columns = { A = \"1\" } }]\n[[publish]]",
            &["29:8: the ingest pipeline `flights` appears twice"],
        ),
        (
            "shards = 4",
            "[[publish]]\nname = \"delays\"\nchange_stream = \"S\"",
            &["34:8: the publish pipeline `delays` appears twice"],
        ),
        (
            "table = \"Delays\"",
            "table = \"flights\"",
            &["22:9: two mappings write the table `flights` in conflict"],
        ),
        (
            "[[publish]]",
            "[[ingest.table]]\ntable = \"Flights\"\ncolumns = { Flight = \"1\" }\n[[publish]]",
            &["29:9: two mappings write the table `Flights` in conflict"],
        ),
        (
            "[[publish]]",
            "[[ingest]]\nname = \"other\"\ntopics = [\"b\"]\ntable = [{ table = \"Delays\", columns = { A = \"1\" } }]\n[[publish]]",
            &["31:20: two mappings write the table `Delays` in conflict"],
        ),
        (
            "topics = [\"flights\"]",
            "topics = [\"flights\", \"more\"]",
            &["22:9: aggregates of several topics would share rows of the table `Delays`"],
        ),
        (
            "topics = [\"flights\"]",
            "topics = [\"flights\", \"flights\"]",
            &["13:22: the topic `flights` appears twice"],
        ),
        (
            "[\"Delays\", \"Flights\"]",
            "[\"Delays\", \"delays\"]",
            &["31:21: the table `delays` appears twice"],
        ),
        (
            "table = \"Flights\"",
            "table = \"BridgePositions\"",
            &["16:9: `BridgePositions` is a table of the bridge itself"],
        ),
        (
            "[ingest.table.columns]\n",
            "[ingest.table.columns]\nflight = \"1\"\n",
            &["20:1: the column `Flight` appears twice"],
        ),
        ("start = \"WindowStart\"", "start = \"origin\"", &["24:73: the column `origin` appears twice"]),
        ("DelaySum =", "Origin =", &["27:1: the column `Origin` appears twice"]),
        (
            "DelaySum =",
            "sourcepartition =",
            &["27:1: the column `SourcePartition` is the bridge's own in an aggregate table"],
        ),
        (
            "mode = \"upsert\"",
            "aggregates = { A = \"count()\" }",
            &["18:15: a table has either `columns` or `aggregates`, not both"],
        ),
        (
            "mode = \"upsert\"",
            "group_by = { A = \"1\" }",
            &["17:1: `group_by` has a meaning only in a table with `aggregates`"],
        ),
        (
            "group_by =",
            "mode = \"upsert\"\ngroup_by =",
            &["23:1: `mode` has a meaning only in a table with `columns`"],
        ),
        (
            "[ingest.table.columns]\nFlight = \"value.flight\"\nOrigin = \"value.origin\"\n",
            "",
            &["15:1: a table needs `columns` or `aggregates`"],
        ),
        (
            "[ingest.table.aggregates]\nFlights = \"count()\"\nDelaySum = \"sum(value.delay)\"\n",
            "",
            &["21:1: a table needs `columns` or `aggregates`"],
        ),
        (
            "Flights = \"count()\"\nDelaySum = \"sum(value.delay)\"\n",
            "",
            &["25:1: `ingest.table.aggregates` is empty"],
        ),
        (
            "[[publish]]",
            "[[ingest]]\nname = \"other\"\ntopics = [\"b\"]\n[[publish]]",
            &["28:1: an ingest pipeline needs at least one table"],
        ),
        ("{name}.{table}", "{name}", &["32:9: several tables would share one topic, which has one schema"]),
        (
            "topic = \"{name}.{table}\"",
            "topic = \"{name}.{table}\"\nstate_topic = \"{name}.Delays\"",
            &["32:9: the topic of `Delays` would be the state topic `delays.Delays`"],
        ),
        (
            "shards = 4",
            "state_topic = \"s\"\n[[publish]]\nname = \"b\"\nchange_stream = \"S\"\nstate_topic = \"s\"",
            &["37:15: two pipelines have the state topic `s`"],
        ),
    ]);
}

#[test]
fn kafka_properties_of_the_bridge() {
    let cases = [
        (
            "enable.auto.commit",
            "the position is committed in Spanner with the rows; Kafka's is only its mirror",
        ),
        ("group.id", "the bridge names its consumer groups after its pipelines"),
        ("isolation.level", "the bridge reads committed records only (read_committed)"),
        (
            "auto.offset.reset",
            "the start is the stored position; for one that the log no longer holds, see `on_gap`",
        ),
        ("transactional.id", "it is `<pipeline>-<shard>`, which fences the shard's previous owner"),
        (
            "enable.idempotence",
            "the bridge's producers are transactional: records and frontier become visible together",
        ),
        (
            "partitioner",
            "records are keyed by primary key with Kafka's default (murmur2) partitioner, for per-key order",
        ),
    ];
    for (name, reason) in cases {
        let text = spoiled("\"security.protocol\"", &format!("\"{name}\""));
        let expected = format!("f.toml:4:1: the Kafka property `{name}` is set by the bridge: {reason}");
        assert_eq!(error(&text).to_string(), expected);
    }
}

#[test]
fn many_at_once_in_file_order() {
    let text = BASE
        .replace("shards = 4", "shards = 0")
        .replace("mode = \"upsert\"", "mode = \"delete\"")
        .replace("log = \"info\"", "colour = \"info\"")
        .replace("sum(value.delay)", "last(value.delay)");
    let found = error(&text).to_string();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        [
            "f.toml:10:1: unknown key `colour` in `telemetry`",
            "f.toml:17:8: `mode = \"delete\"` is not supported by this version; supported: upsert",
            "f.toml:27:13: the aggregate `last` is not supported by this version; supported: count, sum, min, max",
            "f.toml:33:10: `publish.shards` must be from 1 to 256, not 0"
        ]
    );
}

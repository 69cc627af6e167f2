//! Entries that conflict with each other.

use super::assert_mistakes;
use super::base::{error, replace_in_base};

#[test]
fn conflicts() {
    assert_mistakes(&[
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
            "[[publish]]",
            "[[ingest]]\nname = \"other\"\ntopics = [\"b\"]\ntable = [{ table = \"Delays\", ownership = \"shared\", aggregates = { A = \"count()\" } }]\n[[publish]]",
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
            "[ingest.table.columns]\n",
            "[ingest.table.columns]\nflight = \"1\"\n",
            &["20:1: the column `Flight` appears twice"],
        ),
        ("start = \"WindowStart\"", "start = \"origin\"", &["24:73: the column `origin` appears twice"]),
        ("DelaySum =", "Origin =", &["27:1: the column `Origin` appears twice"]),
        (
            "DelaySum =",
            "sourcepartition =",
            &["27:1: the column `SourcePartition` is added by the bridge to every aggregate table"],
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
        ("{name}.{table}", "{name}", &["32:9: several tables would share one topic"]),
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
fn tables_of_the_bridge() {
    for name in [
        "BridgePartitions",
        "bridgepositions",
        "BridgeDeadLetters",
        "BridgeReplays",
        "BridgeGaps",
        "BridgeVersions",
        "BridgeSchemaVersion",
    ] {
        let line = format!("16:9: `{name}` is a table of the bridge itself");
        assert_mistakes(&[("table = \"Flights\"", &format!("table = \"{name}\""), &[&line])]);
    }
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
        let text = replace_in_base("\"security.protocol\"", &format!("\"{name}\""));
        let expected = format!("f.toml:4:1: the Kafka property `{name}` is set by the bridge: {reason}");
        assert_eq!(error(&text).to_string(), expected);
    }
}

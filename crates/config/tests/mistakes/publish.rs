//! `[[publish]]`

use super::{assert_mistakes, assert_valid};

#[test]
fn formats_and_types() {
    assert_mistakes(&[
        (
            "shards = 4",
            "value = { format = \"json\", subject = \"topic-name\" }",
            &["33:28: `subject` is the name of a schema, and `format = \"json\"` has none"],
        ),
        (
            "shards = 4",
            "key = { format = \"json\", subject = \"record-name\" }",
            &["33:26: `subject` is the name of a schema, and `format = \"json\"` has none"],
        ),
        (
            "shards = 4",
            "key = { format = \"avro\", subject = \"record-names\" }",
            &["33:36: `subject = \"record-names\"` is unknown; did you mean `record-name`?"],
        ),
        (
            "shards = 4",
            "compatible = \"debezum\"",
            &["33:14: `compatible = \"debezum\"` is unknown; did you mean `debezium`?"],
        ),
        ("shards = 4", "shards = 4\natomic = true", &["34:10: `atomic` needs one shard, and `shards` is 4"]),
        (
            "shards = 4",
            "record_timestamp = \"comit\"",
            &["33:20: `record_timestamp = \"comit\"` is unknown; did you mean `commit`?"],
        ),
        (
            "shards = 4",
            "existing_topics = \"apend\"",
            &["33:19: `existing_topics = \"apend\"` is unknown; did you mean `append`?"],
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
    assert_valid("shards = 4", "key = { format = \"json\" }\ntimestamps = \"nanos\"");
    assert_valid("shards = 4", "value = { format = \"protobuf\", subject = \"topic-record-name\" }");
    assert_valid("shards = 4", "value = { format = \"json-schema\" }\ncompatible = \"debezium\"");
}

#[test]
fn tables_and_columns() {
    assert_mistakes(&[
        ("[\"Delays\", \"Flights\"]", "[\"a.b.c\"]", &["31:11: `publish.tables[0]` is not a table name"]),
        (
            "shards = 4",
            "exclude_tables = [\"Au-dit\"]",
            &["33:19: `publish.exclude_tables[0]` is not a table name"],
        ),
        (
            "shards = 4",
            "exclude_columns = [\"Secret\"]",
            &["33:20: `publish.exclude_columns[0]` is not a column of a table"],
        ),
        (
            "shards = 4",
            "columns = [\"Delays.A\", \"delays.a\"]",
            &["33:24: the column `delays.a` appears twice"],
        ),
    ]);
    let config = assert_valid(
        "tables = [\"Delays\", \"Flights\"]",
        "tables = [\"*\", \"BridgeGaps\"]\nexclude_tables = [\"Audit*\"]\ncolumns = [\"Flights.Id\", \"Flights.No*\"]\n\
         exclude_columns = [\"*.Secret\", \"Flights.Notes\"]",
    );
    let selection = &config.publish[0].selection;
    let takes = |table: &str| selection.takes_table(table, false);
    assert!(takes("Flights") && takes("s.Flights") && !takes("AuditLog"));
    // The bridge's own tables are published only if they are named in full.
    assert!(takes("bridgegaps") && !takes("BridgePositions"));
    assert!(selection.takes_table("BridgePositions", true));
    let takes = |table: &str, column: &str| selection.takes_column(table, column);
    assert!(takes("Flights", "Note") && !takes("Flights", "Notes") && !takes("flights", "Other"));
    assert!(takes("Delays", "Other") && !takes("Delays", "secret"));
}

#[test]
fn routes() {
    assert_mistakes(&[
        ("shards = 4", "[[publish.route]]\ntopic = \"x\"", &["33:1: `publish.route.tables` is missing"]),
        (
            "shards = 4",
            "[[publish.route]]\ntables = [\"A*\"]\ntopic = \"audit\"",
            &["35:9: several tables would share one topic"],
        ),
        (
            "shards = 4",
            "[[publish.route]]\ntables = [\"Delays\"]\ntopic = \"delays.spanbridge-state\"",
            &["35:9: the topic of `Delays` would be the state topic `delays.spanbridge-state`"],
        ),
    ]);
    let config = assert_valid(
        "shards = 4",
        "create_topics = { partitions = 6, replication_factor = 1 }\n[[publish.route]]\ntables = [\"D*\"]\n\
         topic = \"d.{table}\"\n[[publish.route]]\ntables = [\"Delays\", \"Flights\"]\n\
         create_topics = { partitions = 1, replication_factor = 1, config = { \"cleanup.policy\" = \"compact\" } }",
    );
    let publish = &config.publish[0];
    // The first route that names a table applies.
    assert_eq!(publish.topic("Delays"), "d.Delays");
    assert_eq!(publish.create_topics("Delays").unwrap().partitions, 6);
    assert_eq!(publish.topic("Flights"), "delays.Flights");
    let created = publish.create_topics("flights").unwrap();
    assert_eq!(created.config, [("cleanup.policy".to_owned(), "compact".to_owned())]);
}

#[test]
fn auxiliary_topics_must_be_distinct() {
    assert_mistakes(&[
        (
            "shards = 4",
            "heartbeat_topic = { every = \"1s\" }",
            &["33:19: `publish.heartbeat_topic.topic` is missing"],
        ),
        (
            "shards = 4",
            "watermark_topic = { topic = \"w\", every = \"1ms\" }",
            &["33:42: `publish.watermark_topic.every` must be from 100ms to 1h, not 1ms"],
        ),
        (
            "shards = 4",
            "watermark_topic = { topic = \"w\" }\ntransaction_topic = \"w\"",
            &["34:21: two kinds of records would share the topic `w`"],
        ),
        (
            "shards = 4",
            "transaction_topic = \"{name}.Delays\"",
            &["32:9: the topic of `Delays` would be a topic of other records, `delays.Delays`"],
        ),
        (
            "shards = 4",
            "transaction_topic = \"{name}.spanbridge-state\"",
            &["33:21: the topic `delays.spanbridge-state` is a state topic"],
        ),
    ]);
}

#[test]
fn times_and_headers() {
    assert_mistakes(&[
        ("shards = 4", "end = \"now\"", &["33:7: `publish.end` is not an RFC 3339 timestamp"]),
        ("shards = 4", "end = 2026-01-31T00:00:00", &["33:7: `publish.end` has no offset from UTC"]),
        (
            "shards = 4",
            "start = 2026-01-31T00:00:00Z\nend = \"2026-01-30T00:00:00Z\"",
            &["34:7: `end` is before `start` = 2026-01-31 00:00:00 UTC"],
        ),
        (
            "shards = 4",
            "start = 2026-01-31T00:00:00Z\nsnapshot = \"initial\"",
            &["34:12: `snapshot` is initial, and `start` is 2026-01-31 00:00:00 UTC"],
        ),
        (
            "shards = 4",
            "headers = { ce_id = \"1\", traceparent = \"x\" }",
            &[
                "33:13: `publish.headers.ce_id` is empty, or a header that the bridge writes",
                "33:26: `publish.headers.traceparent` is empty, or a header that the bridge writes",
            ],
        ),
    ]);
    assert_valid("shards = 4", "headers = { team = \"orders\" }\ncloud_events = true\nlow_watermark = true");
}

#[test]
fn skip_own_needs_an_ingest_pipeline() {
    assert_valid("shards = 4", "skip_own = true");
    let text = "[kafka]\nbootstrap_servers = \"b:1\"\n[spanner]\ndatabase = \"projects/p/instances/i1/databases/d1\"\n\
        [registry]\nurl = \"http://r:1\"\n[[publish]]\nname = \"p\"\nchange_stream = \"S\"\n";
    spanbridge_config::Config::parse("f.toml", text).unwrap();
    let error = spanbridge_config::Config::parse("f.toml", &format!("{text}skip_own = true\n")).unwrap_err();
    assert_eq!(error.position(), (8, 8));
    assert!(error.to_string().contains("nothing to skip"), "{error}");
}

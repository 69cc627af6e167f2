//! A small valid file, in which tests replace one text at a time.

use spanbridge_config::{Config, Error};

/// Line numbers of the tests refer to this text.
pub(crate) const BASE: &str = r#"[kafka]
bootstrap_servers = "127.0.0.1:9092"
[kafka.properties]
"security.protocol" = "plaintext"
[spanner]
database = "projects/p/instances/demo/databases/flights"
[registry]
url = "http://127.0.0.1:8081"
[telemetry]
log = "info"
[[ingest]]
name = "flights"
topics = ["flights"]
batch = { max_records = 10, max_bytes = "2MiB", max_wait = "50ms" }
[[ingest.table]]
table = "Flights"
mode = "upsert"
[ingest.table.columns]
Flight = "value.flight"
Origin = "value.origin"
[[ingest.table]]
table = "Delays"
group_by = { Origin = "value.origin" }
window = { kind = "tumbling", size = "1h", time = "value.time", start = "WindowStart" }
[ingest.table.aggregates]
Flights = "count()"
DelaySum = "sum(value.delay)"
[[publish]]
name = "delays"
change_stream = "DelaysStream"
tables = ["Delays", "Flights"]
topic = "{name}.{table}"
shards = 4
"#;

/// Returns the base with `old` replaced by `new`. `old` must occur exactly once.
pub(crate) fn replace_in_base(old: &str, new: &str) -> String {
    assert_eq!(BASE.matches(old).count(), 1, "{old:?} must occur once in the base");
    BASE.replace(old, new)
}

pub(crate) fn error(text: &str) -> Error {
    match Config::parse("f.toml", text) {
        Ok(_) => panic!("this should be rejected:\n{text}"),
        Err(error) => error,
    }
}

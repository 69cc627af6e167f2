//! Writes the configuration file of the demo's services: deploy/flights.toml with the addresses and names of this run.

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use spanbridge_protocol::value::Timestamp;

use super::resource_names::ResourceNames;
use crate::error::{Error, ErrorKind, Result};

/// The number of partitions of each topic.
pub(super) const PARTITIONS: u16 = 6;

/// The addresses of Kafka, Spanner and the registry.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) kafka: String,
    pub(super) spanner: String,
    pub(super) spanner_rest: String,
    pub(super) registry: String,
}

/// Writes the file into `folder` and returns its path.
pub(super) fn write(
    folder: &Path,
    addresses: &Addresses,
    names: &ResourceNames,
    start: Timestamp,
) -> Result<PathBuf> {
    let path = folder.join("flights.toml");
    std::fs::write(&path, text(addresses, names, start))
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

fn text(addresses: &Addresses, names: &ResourceNames, start: Timestamp) -> String {
    let Addresses { kafka, spanner, registry, .. } = addresses;
    let ResourceNames { database, topic, ingest, publish } = names;
    let start = start.to_rfc3339_opts(SecondsFormat::Nanos, true);
    format!(
        r#"[kafka]
bootstrap_servers = "{kafka}"

[kafka.properties]
"session.timeout.ms" = "6000"           # the time after which the group notices a killed worker

[spanner]
database = "{database}"
emulator_host = "{spanner}"

[registry]
url = "{registry}"

[telemetry]
log = "info"

[[ingest]]
name = "{ingest}"
topics = ["{topic}"]
key = {{ format = "string" }}
value = {{ format = "avro" }}
batch = {{ max_records = 500, max_bytes = "2MiB", max_wait = "50ms" }}
on_error = "dead-letter"
on_gap = "stop"

[[ingest.table]]
table = "Flights"
mode = "upsert"
where = "value.origin != ''"
[ingest.table.columns]
Carrier = "value.carrier"
Flight = "value.flight"
Origin = "value.origin"
TimeHour = "value.time_hour"
DepDelay = "value.dep_delay"
TailNumber = "value.tailnum"
UpdatedAt = "timestamp"

[[ingest.table]]
table = "DelaysByHour"
group_by = {{ Origin = "value.origin", Carrier = "value.carrier" }}
window = {{ kind = "tumbling", size = "1h", time = "value.time_hour", start = "WindowStart", late = "update" }}
ownership = "partition"
tombstones = "ignore"
[ingest.table.aggregates]
Flights = "count()"
DelaySum = "sum(value.dep_delay)"
DelayMin = "min(value.dep_delay)"
DelayMax = "max(value.dep_delay)"

[[publish]]
name = "{publish}"
change_stream = "DelaysStream"
tables = ["DelaysByHour", "Flights"]
topic = "{{name}}.{{table}}"
create_topics = {{ partitions = {PARTITIONS}, replication_factor = 1 }}
shards = 4
key = {{ format = "avro" }}
value = {{ format = "avro", subject = "topic-name" }}
envelope = "debezium"
tombstones = true
snapshot = "never"
start = "{start}"
transaction = {{ max_records = 10000, max_wait = "100ms" }}
heartbeat = "1s"
on_incompatible_schema = "stop"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_valid_and_has_the_topics_of_the_names() {
        let names = ResourceNames::new(Some("t1"));
        let address = || "127.0.0.1:1".to_owned();
        let addresses = Addresses {
            kafka: address(),
            spanner: address(),
            spanner_rest: address(),
            registry: "http://127.0.0.1:1".into(),
        };
        let start = "2026-11-22T03:47:42.123456789Z".parse().unwrap();
        let config =
            spanbridge_config::Config::parse("flights.toml", &text(&addresses, &names, start)).unwrap();
        let publish = &config.publish[0];
        let topics = [
            config.ingest[0].topics.names()[0].to_string(),
            publish.topic("Flights"),
            publish.topic("DelaysByHour"),
            publish.state_topic(),
        ];
        assert_eq!(topics, names.topics());
        assert_eq!(publish.start, spanbridge_config::PublishStart::At(start));
    }
}

//! Kafka properties that the bridge sets itself, because exactly-once depends on them.

const GROUP: &str = "the bridge names its consumer groups after its pipelines";
const COMMIT: &str = "the position is committed in Spanner with the rows; Kafka's is only its mirror";
const RESET: &str = "the start is the stored position; for one that the log no longer holds, see `on_gap`";
const ASSIGN: &str = "the bridge assigns partitions at their stored positions in its own rebalance callback";
const PRODUCER: &str =
    "the bridge's producers are transactional: records and frontier become visible together";
const PARTITION: &str =
    "records are keyed by primary key with Kafka's default (murmur2) partitioner, for per-key order";
const SERVERS: &str = "it has its own key: `bootstrap_servers` in [kafka]";
const EVENTS: &str = "the bridge depends on it to detect commits in doubt";

/// The names in librdkafka's `CONFIGURATION.md`, and why the bridge sets them.
const RESERVED: [(&str, &str); 24] = [
    ("acks", PRODUCER),
    ("auto.commit.enable", COMMIT),
    ("auto.commit.interval.ms", COMMIT),
    ("auto.offset.reset", RESET),
    ("bootstrap.servers", SERVERS),
    ("enable.auto.commit", COMMIT),
    ("enable.auto.offset.store", COMMIT),
    ("enable.gapless.guarantee", PRODUCER),
    ("enable.idempotence", PRODUCER),
    ("enable.partition.eof", ASSIGN),
    ("enabled_events", EVENTS),
    ("group.id", GROUP),
    ("group.instance.id", GROUP),
    ("group.protocol", ASSIGN),
    ("group.remote.assignor", ASSIGN),
    ("isolation.level", "the bridge reads committed records only (read_committed)"),
    ("metadata.broker.list", SERVERS),
    ("msg_order_cmp", PARTITION),
    ("partition.assignment.strategy", ASSIGN),
    ("partitioner", PARTITION),
    ("queuing.strategy", PARTITION),
    ("request.required.acks", PRODUCER),
    ("statistics.interval.ms", EVENTS),
    ("transactional.id", "it is `<pipeline>-<shard>`, which fences the shard's previous owner"),
];

/// Returns why the bridge sets the property; `None` for properties that the user may set.
pub(crate) fn reason(property: &str) -> Option<&'static str> {
    RESERVED.iter().find(|(name, _)| *name == property).map(|(_, reason)| *reason)
}

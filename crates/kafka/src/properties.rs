//! Which librdkafka properties apply to which kind of client.
//!
//! librdkafka warns about every property that a client ignores: `linger.ms` on a consumer,
//! `session.timeout.ms` on a producer. The bridge has one set of properties for all of its clients, so
//! [`ClientOptions`](crate::ClientOptions) asks this module before it sets one. The lists are those of
//! librdkafka 2.12.1 (<https://github.com/confluentinc/librdkafka/blob/v2.12.1/CONFIGURATION.md>, column
//! C/P). A name that is in neither list applies to every client, also an unknown one: librdkafka then rejects
//! it.

/// The kind of a client, as far as properties depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Fetches records.
    Consumer,
    /// Sends records.
    Producer,
    /// Administers topics or queries metadata, without records.
    Metadata,
}

impl ClientKind {
    /// Returns whether librdkafka uses the property `name` in clients of this kind.
    pub(crate) fn uses(self, name: &str) -> bool {
        match self {
            ClientKind::Consumer => !PRODUCER_ONLY.contains(&name),
            ClientKind::Producer => !CONSUMER_ONLY.contains(&name),
            ClientKind::Metadata => !PRODUCER_ONLY.contains(&name) && !CONSUMER_ONLY.contains(&name),
        }
    }
}

/// Properties marked `C`, global and per topic.
const CONSUMER_ONLY: [&str; 34] = [
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "consume.callback.max.messages",
    "consume_cb",
    "coordinator.query.interval.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "offset.store.method",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "offset_commit_cb",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "rebalance_cb",
    "session.timeout.ms",
];

/// Properties marked `P`, global and per topic.
const PRODUCER_ONLY: [&str; 30] = [
    "acks",
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "dr_cb",
    "dr_msg_cb",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "linger.ms",
    "message.send.max.retries",
    "message.timeout.ms",
    "msg_order_cmp",
    "partitioner",
    "partitioner_cb",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queuing.strategy",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_uses_its_own_and_the_common_properties() {
        for (name, consumer, producer, metadata) in [
            ("session.timeout.ms", true, false, false),
            ("max.partition.fetch.bytes", true, false, false),
            ("linger.ms", false, true, false),
            ("delivery.timeout.ms", false, true, false),
            ("sasl.password", true, true, true),
            ("no.such.property", true, true, true),
        ] {
            let uses = [ClientKind::Consumer, ClientKind::Producer, ClientKind::Metadata]
                .map(|kind| kind.uses(name));
            assert_eq!(uses, [consumer, producer, metadata], "{name}");
        }
    }

    #[test]
    fn no_property_is_in_both_lists() {
        assert!(CONSUMER_ONLY.is_sorted() && PRODUCER_ONLY.is_sorted());
        assert!(CONSUMER_ONLY.iter().all(|name| !PRODUCER_ONLY.contains(name)));
    }
}

//! Each client gets only the properties of its kind: librdkafka logs no warning about ignored properties.
//!
//! The admin client is not here, because rdkafka never serves its log. It has the configuration of `Offsets`.
//!
//! One test in this file: it installs the subscriber of its process.
#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use spanbridge_kafka::{
    ClientOptions, Message, Offsets, Producer, Reader, Subscription, SubscriptionLimits, TopicPartition,
    TransactionalOptions, TransactionalProducer,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

const LIMIT: Duration = Duration::from_secs(30);
/// A property that applies to every client and that librdkafka always warns about. It shows that warnings are
/// captured.
const DEPRECATED: &str = "topic.metadata.refresh.fast.cnt";
/// Properties that librdkafka would warn about in clients of the other kind, with valid values.
const PROPERTIES: [(&str, &str); 27] = [
    // Consumer properties.
    ("check.crcs", "true"),
    ("coordinator.query.interval.ms", "60000"),
    ("fetch.error.backoff.ms", "100"),
    ("fetch.max.bytes", "1048576"),
    ("fetch.min.bytes", "1"),
    ("fetch.queue.backoff.ms", "100"),
    ("fetch.wait.max.ms", "100"),
    ("heartbeat.interval.ms", "1000"),
    ("max.partition.fetch.bytes", "65536"),
    ("max.poll.interval.ms", "60000"),
    ("queued.max.messages.kbytes", "1024"),
    ("queued.min.messages", "10"),
    ("session.timeout.ms", "6000"),
    // Producer properties.
    ("batch.num.messages", "100"),
    ("batch.size", "65536"),
    ("compression.level", "1"),
    ("compression.type", "gzip"),
    ("delivery.report.only.error", "false"),
    ("linger.ms", "1"),
    ("message.send.max.retries", "5"),
    ("queue.buffering.backpressure.threshold", "1"),
    ("queue.buffering.max.kbytes", "1024"),
    ("queue.buffering.max.messages", "1000"),
    ("request.timeout.ms", "30000"),
    ("sticky.partitioning.linger.ms", "10"),
    // A property of every client.
    ("socket.timeout.ms", "20000"),
    (DEPRECATED, "10"),
];

/// librdkafka's configuration warnings, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Waits for the warning about the deprecated property, then returns all warnings so far and forgets
    /// them.
    fn take(&self, client: &str) -> Vec<String> {
        let started = Instant::now();
        loop {
            let mut warnings = self.0.lock().unwrap();
            if warnings.iter().any(|warning| warning.contains(DEPRECATED)) {
                return std::mem::take(&mut warnings);
            }
            drop(warnings);
            assert!(started.elapsed() < LIMIT, "no warning of the {client} was captured");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "librdkafka" {
            let mut text = Text::default();
            event.record(&mut text);
            if text.0.contains("CONFWARN") {
                self.0.lock().unwrap().push(text.0);
            }
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

#[tokio::test]
async fn clients_get_only_properties_of_their_kind() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(warnings.clone())).unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let options = PROPERTIES
        .into_iter()
        .fold(ClientOptions::new(cluster.bootstrap_servers(), "properties"), |options, (name, value)| {
            options.with_property(name, value)
        });
    let check = |client: &str| {
        let ignored: Vec<_> =
            warnings.take(client).into_iter().filter(|warning| !warning.contains(DEPRECATED)).collect();
        assert!(ignored.is_empty(), "{client}: {ignored:#?}");
    };

    let offsets = Offsets::new(&options).unwrap();
    offsets.watermarks(&TopicPartition::new("orders", 0), LIMIT).await.unwrap();
    check("client for offsets");

    let producer = Producer::new(&options, LIMIT).unwrap();
    producer.send(&Message::new("orders").with_value("one record for the reader")).await.unwrap();
    producer.flush().await.unwrap();
    check("producer");

    let transactional = TransactionalOptions {
        transactional_id: "properties-0".to_owned(),
        transaction_timeout: LIMIT,
        operation_timeout: LIMIT,
    };
    let producer = TransactionalProducer::init(&options, &transactional).await.unwrap();
    check("transactional producer");
    producer.close().await.unwrap();

    let topics = ["orders".to_owned()];
    let (member, events) =
        Subscription::start(&options, "group", &topics, SubscriptionLimits::default()).unwrap();
    check("group member");
    member.close().await.unwrap();
    drop(events);

    let reader = Reader::new(&options, LIMIT).unwrap();
    assert_eq!(reader.read_to_end("orders").await.unwrap().len(), 1);
    check("reader");
}

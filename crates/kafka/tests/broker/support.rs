//! Helpers: one broker for all tests of this binary, and clients and topics on it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use spanbridge_kafka::{Admin, ClientOptions, EnsureTopicOutcome, Message, Producer, Reader};
use spanbridge_testbed::{Kafka, KafkaOptions, Options, Testbed};
use tokio::sync::OnceCell;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

static TESTBED: OnceCell<Testbed> = OnceCell::const_new();
static NEXT_NAME: AtomicU32 = AtomicU32::new(0);

pub(crate) async fn kafka() -> &'static Kafka {
    let testbed = TESTBED.get_or_init(|| async {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .init();
        Testbed::start(Options { kafka: Some(KafkaOptions::default()), ..Options::default() }).await.unwrap()
    });
    testbed.await.kafka().unwrap()
}

pub(crate) async fn options() -> ClientOptions {
    ClientOptions::new(kafka().await.bootstrap(), "kafka-tests")
}

/// Returns a name that no other test uses, nor an earlier process on the same broker.
pub(crate) fn unique_name(prefix: &str) -> String {
    let n = NEXT_NAME.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{n}", std::process::id())
}

pub(crate) async fn topic(prefix: &str, partitions: i32) -> String {
    let topic = unique_name(prefix);
    assert_eq!(
        admin().await.ensure_topic(&topic, partitions, 1, &[]).await.unwrap(),
        EnsureTopicOutcome::Created
    );
    topic
}

pub(crate) async fn admin() -> Admin {
    Admin::new(&options().await, LIMIT).unwrap()
}

pub(crate) async fn reader() -> Reader {
    Reader::new(&options().await, LIMIT).unwrap()
}

/// Sends the values `<prefix>0`, `<prefix>1`, … to one partition.
pub(crate) async fn fill(topic: &str, partition: i32, prefix: &str, count: usize) {
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    for i in 0..count {
        let message = Message::new(topic).with_partition(partition).with_value(format!("{prefix}{i}"));
        producer.send(&message).await.unwrap();
    }
    producer.flush().await.unwrap();
    assert_eq!(producer.unacknowledged(), 0);
}

/// Returns the values of all committed records as text.
pub(crate) async fn values(topic: &str) -> Vec<String> {
    let records = reader().await.read_to_end(topic).await.unwrap();
    records.into_iter().map(|r| String::from_utf8(r.value.unwrap()).unwrap()).collect()
}

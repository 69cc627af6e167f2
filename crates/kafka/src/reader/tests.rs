//! A log that grows while it is read, on librdkafka's mock broker.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn fill(bootstrap: &str, count: usize) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    for _ in 0..count {
        producer.send(BaseRecord::<(), str>::to("t").payload("v").partition(0)).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(LIMIT).unwrap();
}

/// The end of the log is below the end of the range at first, as on a leader that lags behind.
#[test]
fn early_end_of_partition_does_not_end_the_read() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    fill(&bootstrap, 2);
    let reader = Reader::new(&ClientOptions::new(bootstrap.as_str(), "me"), LIMIT).unwrap();
    let range = OffsetRange { tp: TopicPartition::new("t", 0), start: 0, end: 4 };
    let mut offsets = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            fill(&bootstrap, 2);
        });
        let each = |record: Record| {
            offsets.push(record.offset);
            ControlFlow::Continue(())
        };
        scan(&reader.settings, &[range], LIMIT, &AtomicBool::new(false), each).unwrap();
    });
    assert_eq!(offsets, [0, 1, 2, 3]);
}

/// A leader that never reaches the end is an error, and not the end of the log.
#[test]
fn end_that_never_comes_is_an_error() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    fill(&bootstrap, 2);
    let limit = Duration::from_secs(1);
    let reader = Reader::new(&ClientOptions::new(bootstrap.as_str(), "me"), limit).unwrap();
    let range = OffsetRange { tp: TopicPartition::new("t", 0), start: 0, end: 4 };
    let each = |_| ControlFlow::Continue(());
    let error = scan(&reader.settings, &[range], limit, &AtomicBool::new(false), each).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

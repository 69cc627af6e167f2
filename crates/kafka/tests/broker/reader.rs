use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use spanbridge_kafka::{ErrorKind, Message, Producer, Reader, TopicPartition};

use crate::support::{LIMIT, fill, kafka, options, reader, topic, unique_name, values};

/// Opens a transaction, with one record in the log.
async fn open_transaction(topic: &str) -> BaseProducer {
    let bootstrap = kafka().await.bootstrap().to_owned();
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("transactional.id", unique_name("open"))
            .create()
            .unwrap();
        producer.init_transactions(LIMIT).unwrap();
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<(), str>::to(&topic).payload("open").partition(0))
            .map_err(|(e, _)| e)
            .unwrap();
        producer.flush(LIMIT).unwrap();
        producer
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn reader_reads_all_partitions_one_partition_and_empty_topics() {
    let topic = topic("whole", 3).await;
    assert_eq!(reader().await.read_to_end(&topic).await.unwrap(), vec![]);
    fill(&topic, 0, "a", 3).await;
    fill(&topic, 2, "c", 2).await;
    assert_eq!(values(&topic).await, ["a0", "a1", "a2", "c0", "c1"]);
    let tp = TopicPartition::new(topic.as_str(), 0);
    let tail = reader().await.read_partition_to_end(&tp, Some(2)).await.unwrap();
    assert_eq!(tail.iter().map(|r| r.offset).collect::<Vec<_>>(), [2]);
    assert_eq!(reader().await.read_partition_to_end(&tp, Some(3)).await.unwrap(), vec![]);
}

#[tokio::test]
async fn callback_can_stop_a_large_read() {
    let topic = topic("stream", 1).await;
    fill(&topic, 0, "v", 5000).await;
    let reader = reader().await;
    let (sender, receiver) = std::sync::mpsc::channel();
    let ranges = reader.ranges(&topic).await.unwrap();
    let mut seen = 0;
    let each = move |record: spanbridge_kafka::Record| {
        assert_eq!(record.offset, seen);
        seen += 1;
        sender.send(seen).unwrap();
        if seen == 3000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    reader.read(ranges, each).await.unwrap();
    assert_eq!(receiver.into_iter().last(), Some(3000));
}

#[tokio::test]
async fn reader_waits_for_an_open_transaction_and_reads_what_follows() {
    let topic = topic("open", 1).await;
    let open = open_transaction(&topic).await;
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    producer.send(&Message::new(topic.as_str()).with_value("after")).await.unwrap();
    producer.flush().await.unwrap();

    // The last stable offset is 0 and the high watermark 2. The reader must not take the partition for empty.
    let impatient = Reader::new(&options().await, Duration::from_millis(300)).unwrap();
    let error = impatient.read_to_end(&topic).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    let reading = tokio::spawn({
        let topic = topic.clone();
        async move { values(&topic).await }
    });
    tokio::task::spawn_blocking(move || open.commit_transaction(LIMIT)).await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap(), ["open", "after"]);
    // The log now ends with the commit marker.
    assert_eq!(values(&topic).await, ["open", "after"]);
}

#[tokio::test]
async fn aborted_records_are_never_read() {
    let topic = topic("aborted", 1).await;
    let open = open_transaction(&topic).await;
    tokio::task::spawn_blocking(move || open.abort_transaction(LIMIT)).await.unwrap().unwrap();
    assert_eq!(values(&topic).await, Vec::<String>::new());
    fill(&topic, 0, "v", 1).await;
    assert_eq!(values(&topic).await, ["v0"]);
}

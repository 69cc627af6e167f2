use std::collections::HashMap;

use spanbridge_kafka::{ErrorKind, Message, Producer};

use crate::support::{LIMIT, options, reader, topic, unique_name};

/// Keys and their hashes from `org.apache.kafka.common.utils.UtilsTest#testMurmur2`. The partition is
/// `(hash & 0x7fffffff) % count`.
const JAVA_HASHES: [(&str, i32); 6] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ("abc", 479_470_107),
];

#[tokio::test]
async fn keys_go_to_the_partition_that_java_chooses() {
    let count = 7;
    let topic = topic("murmur2", count).await;
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    for (key, _) in JAVA_HASHES {
        producer.send(&Message::new(topic.as_str()).with_key(key).with_value("")).await.unwrap();
    }
    producer.flush().await.unwrap();
    let records = reader().await.read_to_end(&topic).await.unwrap();
    let found: HashMap<_, _> = records.into_iter().map(|r| (r.key.unwrap(), r.partition)).collect();
    for (key, hash) in JAVA_HASHES {
        assert_eq!(found[key.as_bytes()], (hash & 0x7fff_ffff) % count, "{key}");
    }
}

#[tokio::test]
async fn null_and_empty_differ_and_headers_keep_their_order() {
    let topic = topic("null", 1).await;
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    let mut sent =
        vec![Message::new(topic.as_str()), Message::new(topic.as_str()).with_key("").with_value("")];
    sent.push(Message {
        headers: vec![("a".into(), Some(b"1".to_vec())), ("a".into(), None), ("".into(), Some(vec![]))],
        timestamp_ms: Some(1_356_998_400_000),
        ..Message::new(topic.as_str()).with_key([0xff, 0])
    });
    for message in &sent {
        producer.send(message).await.unwrap();
    }
    producer.flush().await.unwrap();
    let read = reader().await.read_to_end(&topic).await.unwrap();
    assert_eq!(read.len(), 3);
    for (message, record) in sent.iter().zip(&read) {
        assert_eq!((&message.key, &message.value), (&record.key, &record.value));
        assert_eq!(message.headers, record.headers);
    }
    assert_eq!(read[2].timestamp_ms, sent[2].timestamp_ms);
}

#[tokio::test]
async fn unsendable_messages_fail_with_their_kind() {
    let topic = topic("large", 1).await;
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    let large = Message::new(topic.as_str()).with_value(vec![0; 3 << 20]);
    assert_eq!(producer.send(&large).await.unwrap_err().kind(), ErrorKind::TooLarge);
    let nowhere = Message::new(topic.as_str()).with_partition(5).with_value("x");
    let lost = match producer.send(&nowhere).await {
        Err(e) => e,
        Ok(()) => producer.flush().await.unwrap_err(),
    };
    assert_eq!(lost.kind(), ErrorKind::NotFound, "{lost}");
    let missing = reader().await.read_to_end(&unique_name("missing")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
}

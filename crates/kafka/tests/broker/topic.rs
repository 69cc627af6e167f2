use spanbridge_kafka::{EnsureTopicOutcome, ErrorKind, Message, Offsets, Producer, TopicPartition};

use crate::support::{LIMIT, admin, fill, options, topic, unique_name};

#[tokio::test]
async fn topics_are_created_once_and_never_by_a_query() {
    let (admin, topic) = (admin().await, unique_name("created"));
    assert_eq!(admin.partition_count(&topic).await.unwrap(), None);
    assert_eq!(admin.partition_count(&topic).await.unwrap(), None);
    let config = [("cleanup.policy", "compact")];
    assert_eq!(admin.ensure_topic(&topic, 3, 1, &config).await.unwrap(), EnsureTopicOutcome::Created);
    assert_eq!(
        admin.ensure_topic(&topic, 5, 1, &config).await.unwrap(),
        EnsureTopicOutcome::Exists { partitions: 3 }
    );
    assert_eq!(admin.partition_count(&topic).await.unwrap(), Some(3));
    admin.delete_topic(&topic).await.unwrap();
    assert_eq!(admin.delete_topic(&topic).await.unwrap_err().kind(), ErrorKind::NotFound);
    let refused = admin.ensure_topic(&unique_name("refused"), 1, 7, &[]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
}

#[tokio::test]
async fn watermarks_follow_deletes() {
    let topic = topic("marks", 1).await;
    fill(&topic, 0, "v", 20).await;
    let (offsets, tp) = (Offsets::new(&options().await).unwrap(), TopicPartition::new(topic.as_str(), 0));
    let before = offsets.watermarks(&tp, LIMIT).await.unwrap();
    assert_eq!((before.start, before.end), (0, 20));
    admin().await.delete_records(&tp, 5).await.unwrap();
    let after = offsets.watermarks(&tp, LIMIT).await.unwrap();
    assert_eq!((after.start, after.end), (5, 20));
    let beyond = admin().await.delete_records(&tp, 100).await.unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::OutOfRange, "{beyond}");
}

#[tokio::test]
async fn time_maps_to_the_first_offset_of_that_time_or_later() {
    let topic = topic("times", 1).await;
    let producer = Producer::new(&options().await, LIMIT).unwrap();
    for time in [1000, 2000, 2000, 3000] {
        let message = Message::new(topic.as_str()).with_partition(0).with_value("v");
        producer.send(&Message { timestamp_ms: Some(time), ..message }).await.unwrap();
    }
    producer.flush().await.unwrap();
    let (offsets, tp) = (Offsets::new(&options().await).unwrap(), TopicPartition::new(topic.as_str(), 0));
    for (time, offset) in [(1, 0), (1000, 0), (1001, 1), (2000, 1), (3000, 3), (3001, 4)] {
        assert_eq!(offsets.at_time(&tp, time, LIMIT).await.unwrap(), offset, "{time}");
    }
    let missing = TopicPartition::new(topic.as_str(), 7);
    assert!(offsets.at_time(&missing, 1, LIMIT).await.is_err());
}

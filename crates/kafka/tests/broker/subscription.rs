use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use spanbridge_kafka::{
    ClientOptions, ErrorKind, Event, Events, FetchStart, Message, Record, Subscription, SubscriptionLimits,
    TopicPartition, Transaction, TransactionalOptions, TransactionalProducer,
};

use crate::support::{LIMIT, admin, fill, kafka, options, topic, unique_name};

async fn next_event(events: &mut Events) -> Event {
    tokio::time::timeout(LIMIT, events.recv())
        .await
        .expect("an event arrives in time")
        .expect("the subscription has not ended")
}

async fn assigned(events: &mut Events) -> Vec<TopicPartition> {
    loop {
        if let Event::Assigned(partitions) = next_event(events).await {
            return partitions;
        }
    }
}

fn join(
    options: &ClientOptions,
    group: &str,
    topic: &str,
    limits: SubscriptionLimits,
) -> (Subscription, Events) {
    Subscription::start(options, group, &[topic.to_owned()], limits).unwrap()
}

/// Receives the records of one generation up to the offset before `end`, and skips those of older
/// generations.
async fn records_of(events: &mut Events, expected: u64, end: i64) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    while all.last().is_none_or(|r| r.offset + 1 < end) {
        match next_event(events).await {
            Event::Records { generation, records, .. } if generation == expected => all.extend(records),
            Event::Records { generation, .. } => assert!(generation < expected),
            other => panic!("{other:?}"),
        }
    }
    all
}

fn offsets(records: &[Record]) -> Vec<i64> {
    records.iter().map(|r| r.offset).collect()
}

#[tokio::test]
async fn each_fetch_starts_at_its_offset_with_a_new_generation() {
    let topic = topic("fetch", 1).await;
    fill(&topic, 0, "v", 2000).await;
    let limits = SubscriptionLimits { chunk_records: 7, queue_chunks: 3, ..SubscriptionLimits::default() };
    let (member, mut events) = join(&options().await, &unique_name("g"), &topic, limits);
    let tp = assigned(&mut events).await.remove(0);

    let first = member.fetch_from(&tp, FetchStart::Beginning).await.unwrap();
    let records = records_of(&mut events, first, 500).await;
    assert_eq!(offsets(&records)[..500], (0..500).collect::<Vec<_>>());

    // Many records are queued now. Move forward and back, several times without reading.
    let mut last = first;
    for start in [1990, 3, 1200, 3, 40] {
        let generation = member.fetch_from(&tp, FetchStart::Offset(start)).await.unwrap();
        assert!(generation > last);
        last = generation;
        if start == 1200 {
            let records = records_of(&mut events, generation, 1300).await;
            assert_eq!(offsets(&records)[..100], (1200..1300).collect::<Vec<_>>());
        }
    }
    let records = records_of(&mut events, last, 2000).await;
    assert_eq!(offsets(&records), (40..2000).collect::<Vec<_>>());

    member.stop_fetch(&tp).await.unwrap();
    fill(&topic, 0, "w", 10).await;
    let again = member.fetch_from(&tp, FetchStart::Offset(2005)).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, again, 2010).await), (2005..2010).collect::<Vec<_>>());
    let elsewhere =
        member.fetch_from(&TopicPartition::new("elsewhere", 0), FetchStart::Beginning).await.unwrap_err();
    assert_eq!(elsewhere.kind(), ErrorKind::Revoked);
    member.close().await.unwrap();
    while events.recv().await.is_some() {}
}

#[tokio::test]
async fn offset_outside_of_the_log_is_out_of_range() {
    let topic = topic("gap", 1).await;
    fill(&topic, 0, "v", 100).await;
    let (member, mut events) =
        join(&options().await, &unique_name("g"), &topic, SubscriptionLimits::default());
    let tp = assigned(&mut events).await.remove(0);
    admin().await.delete_records(&tp, 30).await.unwrap();
    for outside in [10, 1000] {
        let expected = member.fetch_from(&tp, FetchStart::Offset(outside)).await.unwrap();
        match next_event(&mut events).await {
            Event::Error { tp: Some(at), generation, error } => {
                assert_eq!((at, generation), (tp.clone(), Some(expected)));
                assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let marks = member.watermarks(&tp, LIMIT).await.unwrap();
    assert_eq!((marks.start, marks.end), (30, 100));
    let expected = member.fetch_from(&tp, FetchStart::Beginning).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, expected, 100).await), (30..100).collect::<Vec<_>>());
    member.close().await.unwrap();
}

#[tokio::test]
async fn second_member_gets_its_share_after_the_acknowledgement() {
    let topic = topic("share", 4).await;
    let group = unique_name("g");
    let options = options().await;
    let limits = SubscriptionLimits { revoke_wait: LIMIT, ..SubscriptionLimits::default() };
    let (a, mut a_events) = join(&options, &group, &topic, limits.clone());
    let mut a_owns: BTreeSet<_> = assigned(&mut a_events).await.into_iter().collect();
    assert_eq!(a_owns.len(), 4);
    for tp in &a_owns {
        a.fetch_from(tp, FetchStart::Beginning).await.unwrap();
    }
    let (b, mut b_events) = join(&options, &group, &topic, limits);
    let (revoked, ack) = match next_event(&mut a_events).await {
        Event::Revoked { partitions, ack } => (partitions, ack),
        other => panic!("{other:?}"),
    };
    assert_eq!(revoked.len(), 2);
    a_owns.retain(|tp| !revoked.contains(tp));
    // Before the acknowledgement, commands are still answered and no partition is given away.
    assert_eq!(
        a.fetch_from(&revoked[0], FetchStart::Beginning).await.unwrap_err().kind(),
        ErrorKind::Revoked
    );
    let kept = a_owns.first().unwrap().clone();
    let generation = a.fetch_from(&kept, FetchStart::Beginning).await.unwrap();
    a.stop_fetch(&revoked[0]).await.unwrap();
    while let Some(event) = b_events.try_recv() {
        assert!(!matches!(event, Event::Assigned(_)), "{event:?}");
    }
    ack.acknowledge();
    let b_owns: BTreeSet<_> = assigned(&mut b_events).await.into_iter().collect();
    assert_eq!(b_owns, revoked.into_iter().collect());
    assert!(b_owns.is_disjoint(&a_owns));

    fill(&topic, kept.partition, "v", 5).await;
    assert_eq!(offsets(&records_of(&mut a_events, generation, 5).await), [0, 1, 2, 3, 4]);
    b.close().await.unwrap();
    let back: BTreeSet<_> = assigned(&mut a_events).await.into_iter().collect();
    assert_eq!(back, b_owns);
    assert_eq!(a.counts().late_revocations, 0);
    a.close().await.unwrap();
}

#[tokio::test]
async fn unacknowledged_revocation_completes_after_its_time_limit() {
    let topic = topic("late", 2).await;
    let group = unique_name("g");
    let options = options().await;
    let limits =
        SubscriptionLimits { revoke_wait: Duration::from_millis(200), ..SubscriptionLimits::default() };
    let (a, mut a_events) = join(&options, &group, &topic, limits.clone());
    assert_eq!(assigned(&mut a_events).await.len(), 2);
    let (b, mut b_events) = join(&options, &group, &topic, limits);
    let held = loop {
        if let Event::Revoked { ack, .. } = next_event(&mut a_events).await {
            break ack;
        }
    };
    assert_eq!(assigned(&mut b_events).await.len(), 1);
    assert_eq!(a.counts().late_revocations, 1);
    drop(held);
    a.close().await.unwrap();
    b.close().await.unwrap();
}

#[tokio::test]
async fn full_queue_stops_fetching_and_keeps_the_membership() {
    let topic = topic("full", 1).await;
    fill(&topic, 0, "v", 20_000).await;
    // The shortest session time-out that brokers allow by default.
    let options = options()
        .await
        .with_property("session.timeout.ms", "6000")
        .with_property("max.poll.interval.ms", "6000")
        .with_property("heartbeat.interval.ms", "1000");
    let limits = SubscriptionLimits {
        chunk_records: 10,
        queue_chunks: 2,
        prefetch_bytes: 64 << 10,
        ..SubscriptionLimits::default()
    };
    let (member, mut events) = join(&options, &unique_name("g"), &topic, limits);
    let tp = assigned(&mut events).await.remove(0);
    let generation = member.fetch_from(&tp, FetchStart::Beginning).await.unwrap();
    // Longer than the group keeps a member that does not poll.
    let silent_until = Instant::now() + Duration::from_secs(8);
    tokio::time::sleep_until(silent_until.into()).await;
    let counts = member.counts();
    assert!(counts.stalls > 0 && counts.records <= 30, "{counts:?}");
    let started = Instant::now();
    let records = records_of(&mut events, generation, 20_000).await;
    println!("20000 records in 2000 chunks: {:?}", started.elapsed());
    assert_eq!(offsets(&records), (0..20_000).collect::<Vec<_>>());
    member.close().await.unwrap();
}

#[tokio::test]
async fn silent_fetch_is_started_again_and_repeats_nothing() {
    let topic = topic("silent", 1).await;
    let limits =
        SubscriptionLimits { stall_timeout: Duration::from_millis(1), ..SubscriptionLimits::default() };
    let (member, mut events) = join(&options().await, &unique_name("g"), &topic, limits);
    let tp = assigned(&mut events).await.remove(0);
    let generation = member.fetch_from(&tp, FetchStart::Beginning).await.unwrap();
    for (start, end) in [(0, 500), (500, 1000)] {
        let before = member.counts().restarted_fetches;
        while member.counts().restarted_fetches < before + 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fill(&topic, 0, "v", 500).await;
        let records = records_of(&mut events, generation, end).await;
        assert_eq!(offsets(&records), (start..end).collect::<Vec<_>>());
    }
    member.close().await.unwrap();
}

#[tokio::test]
async fn positions_are_mirrored_to_the_group() {
    let topic = topic("mirror", 1).await;
    fill(&topic, 0, "v", 10).await;
    let group = unique_name("g");
    let (member, mut events) = join(&options().await, &group, &topic, SubscriptionLimits::default());
    let tp = assigned(&mut events).await.remove(0);
    for next in [3, 7] {
        member.commit([(tp.clone(), next)]);
    }
    let members = async || admin().await.group_member_count(&group).await.unwrap();
    assert_eq!(members().await, 1);
    // Positions that are not mirrored yet are sent before the member leaves.
    member.close().await.unwrap();
    assert_eq!(members().await, 0);
    assert_eq!(admin().await.group_member_count("nobody's").await.unwrap(), 0);
    let bootstrap = kafka().await.bootstrap().to_owned();
    let committed = tokio::task::spawn_blocking(move || {
        let mut config = ClientConfig::new();
        let consumer: BaseConsumer =
            config.set("bootstrap.servers", bootstrap).set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&topic, 0);
        consumer.committed_offsets(list, LIMIT).unwrap().elements()[0].offset()
    });
    assert_eq!(committed.await.unwrap(), Offset::Offset(7));
}

/// A consumer does not receive the marker of a transaction, and its position passes it.
#[tokio::test]
async fn end_behind_a_marker_is_reported_after_the_records() {
    let topic = topic("end", 1).await;
    let transactional = TransactionalOptions {
        transactional_id: unique_name("t"),
        transaction_timeout: Duration::from_secs(60),
        operation_timeout: LIMIT,
    };
    let transaction = |values: &[&str]| {
        let data = values.iter().map(|value| Message::new(topic.as_str()).with_value(*value)).collect();
        Transaction { data, state: Vec::new() }
    };
    let producer = TransactionalProducer::init(&options().await, &transactional).await.unwrap();
    let (producer, _) = producer.commit(transaction(&["a", "b"])).await.unwrap();
    let (member, mut events) =
        join(&options().await, &unique_name("g"), &topic, SubscriptionLimits::default());
    let tp = assigned(&mut events).await.remove(0);

    let first = member.fetch_from(&tp, FetchStart::Beginning).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, first, 2).await), [0, 1]);
    assert_eq!(end_of(&mut events, first).await, 3);
    let marker = member.fetch_from(&tp, FetchStart::Offset(2)).await.unwrap();
    assert_eq!(end_of(&mut events, marker).await, 3);
    let end = member.fetch_from(&tp, FetchStart::Offset(3)).await.unwrap();
    let (producer, _) = producer.commit(transaction(&["c"])).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, end, 4).await), [3]);
    assert_eq!(end_of(&mut events, end).await, 5);
    producer.close().await.unwrap();
    member.close().await.unwrap();
}

/// Receives the position of a generation at the end of its partition.
async fn end_of(events: &mut Events, expected: u64) -> i64 {
    match next_event(events).await {
        Event::End { generation, position, .. } if generation == expected => position,
        other => panic!("{other:?}"),
    }
}

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use spanbridge_kafka::{
    ClientOptions, ErrorKind, Event, Events, Limits, Record, Start, Subscription, TopicPartition,
};

use crate::part::{LIMIT, admin, fill, kafka, name, options, topic};

async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(LIMIT, events.recv())
        .await
        .expect("an event in time")
        .expect("the subscription lives")
}

async fn assigned(events: &mut Events) -> Vec<TopicPartition> {
    loop {
        if let Event::Assigned(partitions) = next(events).await {
            return partitions;
        }
    }
}

fn join(options: &ClientOptions, group: &str, topic: &str, limits: Limits) -> (Subscription, Events) {
    Subscription::start(options, group, &[topic.to_owned()], limits).unwrap()
}

/// The records of one generation, up to the offset before `end`; those of older ones are passed over.
async fn records_of(events: &mut Events, wanted: u64, end: i64) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    while all.last().is_none_or(|r| r.offset + 1 < end) {
        match next(events).await {
            Event::Records { generation, records, .. } if generation == wanted => all.extend(records),
            Event::Records { generation, .. } => assert!(generation < wanted),
            other => panic!("{other:?}"),
        }
    }
    all
}

fn offsets(records: &[Record]) -> Vec<i64> {
    records.iter().map(|r| r.offset).collect()
}

#[tokio::test]
async fn each_fetch_starts_where_it_is_told_and_is_told_apart() {
    let topic = topic("fetch", 1).await;
    fill(&topic, 0, "v", 2000).await;
    let limits = Limits { chunk_records: 7, queue_chunks: 3, ..Limits::default() };
    let (member, mut events) = join(&options().await, &name("g"), &topic, limits);
    let tp = assigned(&mut events).await.remove(0);

    let first = member.fetch_from(&tp, Start::Beginning).await.unwrap();
    let records = records_of(&mut events, first, 500).await;
    assert_eq!(offsets(&records)[..500], (0..500).collect::<Vec<_>>());

    // Much is under way now. Forward, back, and several times without looking.
    let mut last = first;
    for start in [1990, 3, 1200, 3, 40] {
        let generation = member.fetch_from(&tp, Start::Offset(start)).await.unwrap();
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
    let again = member.fetch_from(&tp, Start::Offset(2005)).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, again, 2010).await), (2005..2010).collect::<Vec<_>>());
    let elsewhere =
        member.fetch_from(&TopicPartition::new("elsewhere", 0), Start::Beginning).await.unwrap_err();
    assert_eq!(elsewhere.kind(), ErrorKind::Revoked);
    member.close().await.unwrap();
    while events.recv().await.is_some() {}
}

#[tokio::test]
async fn a_position_outside_of_the_log_is_an_error_that_can_be_explained() {
    let topic = topic("gap", 1).await;
    fill(&topic, 0, "v", 100).await;
    let (member, mut events) = join(&options().await, &name("g"), &topic, Limits::default());
    let tp = assigned(&mut events).await.remove(0);
    admin().await.delete_records(&tp, 30).await.unwrap();
    for outside in [10, 1000] {
        let wanted = member.fetch_from(&tp, Start::Offset(outside)).await.unwrap();
        match next(&mut events).await {
            Event::Error { tp: Some(at), generation, error } => {
                assert_eq!((at, generation), (tp.clone(), Some(wanted)));
                assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let marks = member.watermarks(&tp, LIMIT).await.unwrap();
    assert_eq!((marks.start, marks.end), (30, 100));
    let wanted = member.fetch_from(&tp, Start::Beginning).await.unwrap();
    assert_eq!(offsets(&records_of(&mut events, wanted, 100).await), (30..100).collect::<Vec<_>>());
    member.close().await.unwrap();
}

#[tokio::test]
async fn a_second_member_gets_its_share_when_the_first_has_finished() {
    let topic = topic("share", 4).await;
    let group = name("g");
    let options = options().await;
    let limits = Limits { revoke_wait: LIMIT, ..Limits::default() };
    let (a, mut a_events) = join(&options, &group, &topic, limits.clone());
    let mut a_owns: BTreeSet<_> = assigned(&mut a_events).await.into_iter().collect();
    assert_eq!(a_owns.len(), 4);
    for tp in &a_owns {
        a.fetch_from(tp, Start::Beginning).await.unwrap();
    }
    let (b, mut b_events) = join(&options, &group, &topic, limits);
    let (revoked, done) = match next(&mut a_events).await {
        Event::Revoked { partitions, done } => (partitions, done),
        other => panic!("{other:?}"),
    };
    assert_eq!(revoked.len(), 2);
    a_owns.retain(|tp| !revoked.contains(tp));
    // Not before it is finished: calls are still answered meanwhile, and nothing has been given away.
    assert_eq!(a.fetch_from(&revoked[0], Start::Beginning).await.unwrap_err().kind(), ErrorKind::Revoked);
    let kept = a_owns.first().unwrap().clone();
    let generation = a.fetch_from(&kept, Start::Beginning).await.unwrap();
    a.stop_fetch(&revoked[0]).await.unwrap();
    while let Some(event) = b_events.try_recv() {
        assert!(!matches!(event, Event::Assigned(_)), "{event:?}");
    }
    done.finish();
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
async fn an_unanswered_revocation_is_given_back_after_its_time() {
    let topic = topic("late", 2).await;
    let group = name("g");
    let options = options().await;
    let limits = Limits { revoke_wait: Duration::from_millis(200), ..Limits::default() };
    let (a, mut a_events) = join(&options, &group, &topic, limits.clone());
    assert_eq!(assigned(&mut a_events).await.len(), 2);
    let (b, mut b_events) = join(&options, &group, &topic, limits);
    let held = loop {
        if let Event::Revoked { done, .. } = next(&mut a_events).await {
            break done;
        }
    };
    assert_eq!(assigned(&mut b_events).await.len(), 1);
    assert_eq!(a.counts().late_revocations, 1);
    drop(held);
    a.close().await.unwrap();
    b.close().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_stops_the_fetching_and_not_the_membership() {
    let topic = topic("full", 1).await;
    fill(&topic, 0, "v", 20_000).await;
    // The least session time-out that brokers allow by default.
    let options = options()
        .await
        .with_property("session.timeout.ms", "6000")
        .with_property("max.poll.interval.ms", "6000")
        .with_property("heartbeat.interval.ms", "1000");
    let limits = Limits { chunk_records: 10, queue_chunks: 2, prefetch_bytes: 64 << 10, ..Limits::default() };
    let (member, mut events) = join(&options, &name("g"), &topic, limits);
    let tp = assigned(&mut events).await.remove(0);
    let generation = member.fetch_from(&tp, Start::Beginning).await.unwrap();
    // Longer than the group would bear a member that does not poll.
    let deaf_until = Instant::now() + Duration::from_secs(8);
    tokio::time::sleep_until(deaf_until.into()).await;
    let counts = member.counts();
    assert!(counts.stalls > 0 && counts.records <= 30, "{counts:?}");
    let started = Instant::now();
    let records = records_of(&mut events, generation, 20_000).await;
    println!("20000 records in 2000 chunks: {:?}", started.elapsed());
    assert_eq!(offsets(&records), (0..20_000).collect::<Vec<_>>());
    member.close().await.unwrap();
}

#[tokio::test]
async fn positions_are_mirrored_to_the_group() {
    let topic = topic("mirror", 1).await;
    fill(&topic, 0, "v", 10).await;
    let group = name("g");
    let (member, mut events) = join(&options().await, &group, &topic, Limits::default());
    let tp = assigned(&mut events).await.remove(0);
    for next in [3, 7] {
        member.commit([(tp.clone(), next)]);
    }
    let members = async || admin().await.members(&group).await.unwrap();
    assert_eq!(members().await, 1);
    // Leaving sends what is still to be sent.
    member.close().await.unwrap();
    assert_eq!(members().await, 0);
    assert_eq!(admin().await.members("nobody's").await.unwrap(), 0);
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

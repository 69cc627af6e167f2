use std::time::{Duration, Instant};

use spanbridge_kafka::{
    ClientOptions, ErrorKind, Message, Offsets, TopicPartition, Transaction, TransactionalOptions,
    TransactionalProducer,
};

use crate::support::{LIMIT, kafka, options, topic, unique_name, values};

fn transactional(id: &str) -> TransactionalOptions {
    TransactionalOptions {
        transactional_id: id.to_owned(),
        transaction_timeout: Duration::from_secs(60),
        operation_timeout: LIMIT,
    }
}

async fn init(options: &ClientOptions, id: &str) -> TransactionalProducer {
    TransactionalProducer::init(options, &transactional(id)).await.unwrap()
}

fn transaction(data_topic: &str, state_topic: &str, texts: &[&str]) -> Transaction {
    let data = texts.iter().map(|t| Message::new(data_topic).with_key(*t).with_value(*t)).collect();
    let state = vec![Message::new(state_topic).with_key("frontier").with_value(texts.join("+"))];
    Transaction { data, state }
}

#[tokio::test]
async fn data_and_state_become_visible_together() {
    let (data, state) = (topic("data", 1).await, topic("state", 1).await);
    let producer = init(&options().await, &unique_name("t")).await;
    let (producer, report) = producer.commit(transaction(&data, &state, &["a", "b"])).await.unwrap();
    assert_eq!((report.data, report.state), (2, 1));
    let (producer, _) = producer.commit(transaction(&data, &state, &["c"])).await.unwrap();
    let (producer, report) = producer.commit(Transaction::default()).await.unwrap();
    assert_eq!((report.data, report.state), (0, 0));
    assert!(producer.is_healthy(), "{:?}", producer.doubt());
    assert_eq!(values(&data).await, ["a", "b", "c"]);
    assert_eq!(values(&state).await, ["a+b", "c"]);
    producer.close().await.unwrap();
}

#[tokio::test]
async fn many_transactions_raise_no_doubt() {
    let (data, state) = (topic("data", 3).await, topic("state", 1).await);
    let mut producer = init(&options().await, &unique_name("t")).await;
    let started = Instant::now();
    for i in 0..100 {
        let text = format!("v{i}");
        (producer, _) = producer.commit(transaction(&data, &state, &[&text])).await.unwrap();
    }
    println!("100 transactions of 2 records: {:?}", started.elapsed());
    assert_eq!(values(&data).await.len(), 100);
    assert_eq!(values(&state).await.last().unwrap(), "v99");
    producer.close().await.unwrap();
}

#[tokio::test]
async fn zombie_is_fenced() {
    let (data, state) = (topic("data", 1).await, topic("state", 1).await);
    let (options, id) = (options().await, unique_name("t"));
    let zombie = init(&options, &id).await;
    let (zombie, _) = zombie.commit(transaction(&data, &state, &["old"])).await.unwrap();
    let owner = init(&options, &id).await;
    let error = zombie.commit(transaction(&data, &state, &["zombie"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    let (owner, _) = owner.commit(transaction(&data, &state, &["new"])).await.unwrap();
    assert_eq!(values(&data).await, ["old", "new"]);
    assert_eq!(values(&state).await, ["old", "new"]);
    owner.close().await.unwrap();
}

#[tokio::test]
async fn half_written_transaction_is_never_visible() {
    let (data, state) = (topic("data", 1).await, topic("state", 1).await);
    let (options, id) = (options().await, unique_name("t"));
    let producer = init(&options, &id).await;
    let mut torn = transaction(&data, &state, &["torn"]);
    torn.state[0].value = Some(vec![0; 3 << 20]);
    let error = producer.commit(torn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // Its data is in the log. The next init aborts the transaction.
    let producer = init(&options, &id).await;
    let (producer, _) = producer.commit(transaction(&data, &state, &["whole"])).await.unwrap();
    assert_eq!(values(&data).await, ["whole"]);
    assert_eq!(values(&state).await, ["whole"]);
    producer.close().await.unwrap();
}

#[tokio::test]
async fn cancelled_transaction_is_aborted() {
    let (data, state) = (topic("data", 1).await, topic("state", 1).await);
    let (options, id) = (options().await, unique_name("t"));
    let producer = init(&options, &id).await;
    let texts: Vec<String> = (0..20_000).map(|i| format!("v{i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let committing = producer.commit(transaction(&data, &state, &texts));
    assert!(tokio::time::timeout(Duration::from_millis(1), committing).await.is_err());
    let offsets = Offsets::new(&options).unwrap();
    let tp = TopicPartition::new(data.as_str(), 0);
    while offsets.watermarks(&tp, LIMIT).await.unwrap().end < 20_000 {}
    // This is well before the transaction time-out, which would abort it too.
    assert_eq!(values(&data).await, Vec::<String>::new());
    assert_eq!(values(&state).await, Vec::<String>::new());
}

#[tokio::test]
async fn lost_connection_raises_doubt_whatever_the_calls_return() {
    let (data, state) = (topic("data", 1).await, topic("state", 1).await);
    let id = unique_name("t");
    let proxy = kafka().await.proxy().await.unwrap();
    let through = ClientOptions::new(proxy.address(), "kafka-tests");

    // While idle.
    let producer = init(&through, &id).await;
    let (producer, _) = producer.commit(transaction(&data, &state, &["first"])).await.unwrap();
    assert!(producer.is_healthy(), "{:?}", producer.doubt());
    proxy.cut().await;
    proxy.heal().await.unwrap();
    let deadline = Instant::now() + LIMIT;
    while producer.is_healthy() {
        assert!(Instant::now() < deadline, "the lost connection is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = producer.commit(transaction(&data, &state, &["refused"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");

    // Cut the connection at any moment of a transaction: visible transactions are whole, and each success is
    // visible.
    let mut committed = vec!["first".to_owned()];
    let mut outcomes = Vec::new();
    for attempt in 0..6_u64 {
        let producer = init(&through, &id).await;
        let text = format!("v{attempt}");
        let committing = tokio::spawn({
            let (data, state, text) = (data.clone(), state.clone(), text.clone());
            async move { producer.commit(transaction(&data, &state, &[&text])).await.map(|_| ()) }
        });
        tokio::time::sleep(Duration::from_millis(attempt * 15)).await;
        proxy.cut().await;
        proxy.heal().await.unwrap();
        match committing.await.unwrap() {
            Ok(()) => committed.push(text),
            Err(error) => outcomes.push(error.kind()),
        }
    }
    let producer = init(&through, &id).await;
    let (producer, _) = producer.commit(transaction(&data, &state, &["last"])).await.unwrap();
    producer.close().await.unwrap();
    println!("outcomes: {outcomes:?}, committed: {committed:?}");
    let (data, state) = (values(&data).await, values(&state).await);
    assert_eq!(data, state);
    assert!(committed.iter().all(|text| data.contains(text)), "{committed:?} in {data:?}");
    assert!(!data.contains(&"refused".to_owned()));
    assert_eq!(data.last().unwrap(), "last");
}

#[tokio::test]
async fn missing_broker_is_unavailable_and_unknown_property_is_config() {
    let nowhere = ClientOptions::new("127.0.0.1:1", "kafka-tests");
    let short = TransactionalOptions { operation_timeout: Duration::from_secs(1), ..transactional("x") };
    let error = TransactionalProducer::init(&nowhere, &short).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let wrong = nowhere.with_property("no.such.property", "1");
    let error = TransactionalProducer::init(&wrong, &short).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

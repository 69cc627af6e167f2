//! Produces records in Kafka transactions, some of which it aborts.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::Stop;
use crate::Result;
use crate::history::{Outcome, RecordAttempt};
use crate::world::TOPIC;

type Producer = ThreadedProducer<DefaultProducerContext>;

/// The number of keys.
const KEYS: u32 = 40;
/// The largest transaction.
const MAX_RECORDS: u64 = 20;
/// One transaction in so many is aborted.
const ABORTED: u32 = 6;
/// The timeout of each call.
const TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Produces records until the flag is set. The broker may be unavailable meanwhile.
pub(super) fn write(bootstrap: &str, seed: u64, rate: u64, stop: &Stop) -> Result<Vec<RecordAttempt>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut attempts = Vec::new();
    let mut producer = None;
    let mut number = 0;
    let mut due = Instant::now();
    while !stop.is_set() {
        let ready = match producer.take() {
            Some(producer) => producer,
            None => match connect(bootstrap)? {
                Some(producer) => producer,
                None => {
                    std::thread::sleep(RETRY_INTERVAL);
                    continue;
                }
            },
        };
        let count = random.random_range(1..=MAX_RECORDS);
        let numbers: Vec<i64> = std::iter::repeat_with(|| {
            number += 1;
            number
        })
        .take(usize::try_from(count)?)
        .collect();
        let keys: Vec<u32> = numbers.iter().map(|_| random.random_range(0..KEYS)).collect();
        let is_committed = random.random_range(0..ABORTED) != 0;
        let (outcome, is_usable) = transaction(&ready, &numbers, &keys, is_committed);
        attempts.extend(numbers.iter().map(|number| RecordAttempt { number: *number, outcome }));
        if is_usable {
            producer = Some(ready);
        }
        due = (due + Duration::from_millis(1000 * count / rate)).max(Instant::now());
        while !stop.is_set() && Instant::now() < due {
            std::thread::sleep(due.saturating_duration_since(Instant::now()).min(RETRY_INTERVAL));
        }
    }
    Ok(attempts)
}

/// Creates a producer, which aborts what an earlier one left open. Returns `None` if the broker does not answer.
fn connect(bootstrap: &str) -> Result<Option<Producer>> {
    let producer: Producer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", "chaos-records")
        .set("transaction.timeout.ms", "20000")
        .set("message.timeout.ms", "15000")
        .set("linger.ms", "5")
        .create()?;
    Ok(producer.init_transactions(TIMEOUT).is_ok().then_some(producer))
}

/// Sends one transaction. Returns its outcome, and whether the producer can be used further.
fn transaction(producer: &Producer, numbers: &[i64], keys: &[u32], is_committed: bool) -> (Outcome, bool) {
    let send = || {
        producer.begin_transaction()?;
        for (number, key) in numbers.iter().zip(keys) {
            let (key, value) = (format!("key-{key}"), format!("{{\"number\":{number}}}"));
            let record = BaseRecord::to(TOPIC).key(&key).payload(&value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        Ok::<(), rdkafka::error::KafkaError>(())
    };
    if send().is_err() {
        // A commit was never requested.
        return (Outcome::Aborted, false);
    }
    if !is_committed {
        // Let the records reach the broker, so that there is something to abort.
        let _ = producer.flush(TIMEOUT);
        return (Outcome::Aborted, producer.abort_transaction(TIMEOUT).is_ok());
    }
    match producer.commit_transaction(TIMEOUT) {
        Ok(()) => (Outcome::Committed, true),
        Err(_) => (Outcome::Unknown, false),
    }
}

//! A producer without transactions.
//!
//! The demo, the loads and tests send with it, and `publish` for requests of operators. Pipelines publish
//! data only through the `TransactionalProducer`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Statistics};
use tokio::sync::Notify;

use crate::connection::CONNECTION_STATISTICS_MS;
use crate::context::{SharedContext, TokenResult};
use crate::error::{Error, Result};
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::Message;

/// How much later than librdkafka a flush gives up: librdkafka's own error says more.
const FLUSH_GRACE: Duration = Duration::from_secs(2);

/// An idempotent producer without transactions: many sends, then a flush. Loads and tests use it;
/// exactly-once does not depend on it.
pub struct Producer {
    client: ThreadedProducer<DeliveryContext>,
    deliveries: Arc<Deliveries>,
    limit: Duration,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("deliveries", &self.deliveries).finish_non_exhaustive()
    }
}

/// How many messages were sent and acknowledged, and the first failure.
#[derive(Debug, Default)]
struct Deliveries {
    sent: AtomicU64,
    /// The number of delivery reports, good and bad.
    reported: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
    /// Notified after each delivery report.
    changed: Notify,
}

/// Receives librdkafka's callbacks for a [`Producer`].
struct DeliveryContext {
    shared: SharedContext,
    deliveries: Arc<Deliveries>,
}

impl ClientContext for DeliveryContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> TokenResult {
        self.shared.oauth_token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.shared.statistics(&statistics);
    }
}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.deliveries
                .failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| error.clone());
        }
        self.deliveries.reported.fetch_add(1, Ordering::AcqRel);
        self.deliveries.changed.notify_waiters();
    }
}

impl Producer {
    /// Creates a producer. `limit` is the longest time until a message is acknowledged
    /// (`message.timeout.ms`), and until [`send`](Self::send) finds room in librdkafka's buffer.
    ///
    /// Fixed properties: `enable.idempotence=true`, `acks=all`, `partitioner=murmur2_random`. Defaults that
    /// the options may override: `compression.type=lz4`, `linger.ms=5`, `queue.buffering.max.kbytes=65536`.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let timeout = limit.as_millis().max(1).to_string();
        let settings = options.settings(
            ClientKind::Producer,
            &[("compression.type", "lz4"), ("linger.ms", "5"), ("queue.buffering.max.kbytes", "65536")],
            &[
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("partitioner", "murmur2_random"),
                ("message.timeout.ms", timeout.as_str()),
                ("statistics.interval.ms", CONNECTION_STATISTICS_MS),
            ],
        )?;
        let deliveries = Arc::new(Deliveries::default());
        let context = |shared| DeliveryContext { shared, deliveries: deliveries.clone() };
        let client = settings.create("create the producer", context)?;
        Ok(Producer { client, deliveries, limit })
    }

    /// Hands the message to librdkafka, which sends it in the background. Waits while librdkafka's buffer is
    /// full. Messages of one partition keep their order.
    ///
    /// # Errors
    /// The first failed delivery of any earlier message; `TooLarge`; `Unavailable`.
    pub async fn send(&self, message: &Message) -> Result<()> {
        let operation = || format!("send to {}", message.topic);
        let sending = async {
            loop {
                let changed = self.deliveries.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                self.check()?;
                match self.try_send(message) {
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => changed.await,
                    other => return other.map_err(|e| self.explain(Error::from_kafka(&operation(), e))),
                }
            }
        };
        tokio::time::timeout(self.limit, sending)
            .await
            .map_err(|_| self.explain(Error::timed_out(&operation(), self.limit)))?
    }

    fn try_send(&self, message: &Message) -> std::result::Result<(), KafkaError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(&message.topic);
        record.partition = message.partition;
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        record.timestamp = message.timestamp_ms;
        record.headers = message.native_headers();
        // Counted before the call, because the delivery report may come before the call returns.
        self.deliveries.sent.fetch_add(1, Ordering::AcqRel);
        self.client.send(record).map_err(|(e, _)| {
            self.deliveries.sent.fetch_sub(1, Ordering::AcqRel);
            e
        })
    }

    /// Waits until all sent messages are acknowledged.
    ///
    /// # Errors
    /// The first failed delivery; `Unavailable`.
    pub async fn flush(&self) -> Result<()> {
        let flushing = async {
            loop {
                let changed = self.deliveries.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                self.check()?;
                if self.unacknowledged() == 0 {
                    return Ok(());
                }
                changed.await;
            }
        };
        let limit = self.limit + FLUSH_GRACE;
        tokio::time::timeout(limit, flushing)
            .await
            .map_err(|_| self.explain(Error::timed_out("flush the producer", limit)))?
    }

    /// Returns how many messages were sent and are not acknowledged yet.
    pub fn unacknowledged(&self) -> u64 {
        let reported = self.deliveries.reported.load(Ordering::Acquire);
        self.deliveries.sent.load(Ordering::Acquire).saturating_sub(reported)
    }

    fn explain(&self, error: Error) -> Error {
        self.client.context().shared.explain(error)
    }

    /// Returns the first failed delivery as an error.
    fn check(&self) -> Result<()> {
        let failure = self.deliveries.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            Some(e) => {
                let fatal = self.client.client().fatal_error().map(|(code, _)| KafkaError::Global(code));
                Err(self.explain(Error::from_kafka("deliver a message", fatal.unwrap_or(e))))
            }
            None => Ok(()),
        }
    }
}

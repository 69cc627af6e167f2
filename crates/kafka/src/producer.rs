use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::log;
use crate::options::ClientOptions;
use crate::record::Message;

/// A plain idempotent producer: many sends, then a flush. For loads and tests; it has no part in exactly-once.
pub struct Producer {
    client: ThreadedProducer<Context>,
    context: Arc<Progress>,
    limit: Duration,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("progress", &self.context).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Progress {
    sent: AtomicU64,
    answered: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
    moved: Notify,
}

struct Context(Arc<Progress>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log::forward(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::info!(%error, reason, "Kafka producer; librdkafka goes on by itself");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0
                .failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| error.clone());
        }
        self.0.answered.fetch_add(1, Ordering::AcqRel);
        self.0.moved.notify_waiters();
    }
}

impl Producer {
    /// `limit` is the most time a message may take to be acknowledged (`message.timeout.ms`), and `send` to find room.
    ///
    /// Fixed: `enable.idempotence=true`, `acks=all`, `partitioner=murmur2_random`.
    ///
    /// # Errors
    /// `Config` for properties librdkafka refuses.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let timeout = limit.as_millis().max(1).to_string();
        let config = options.config(
            &[("compression.type", "lz4"), ("linger.ms", "5"), ("queue.buffering.max.kbytes", "65536")],
            &[
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("partitioner", "murmur2_random"),
                ("message.timeout.ms", timeout.as_str()),
            ],
        )?;
        let progress = Arc::new(Progress::default());
        let client = config
            .create_with_context(Context(progress.clone()))
            .map_err(|e| Error::from_kafka("create the producer", e))?;
        Ok(Producer { client, context: progress, limit })
    }

    /// Hands the message to librdkafka, which sends it in the background; waits while its buffer (64 MiB) is full.
    /// Messages of one partition keep their order.
    ///
    /// # Errors
    /// The first delivery that failed, of any message before; `TooLarge`; `Unavailable`.
    pub async fn send(&self, message: &Message) -> Result<()> {
        let doing = || format!("send to {}", message.topic);
        let sending = async {
            loop {
                let moved = self.context.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                self.check()?;
                match self.try_send(message) {
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => moved.await,
                    other => return other.map_err(|e| Error::from_kafka(&doing(), e)),
                }
            }
        };
        tokio::time::timeout(self.limit, sending).await.map_err(|_| Error::timed_out(&doing(), self.limit))?
    }

    fn try_send(&self, message: &Message) -> std::result::Result<(), KafkaError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(&message.topic);
        record.partition = message.partition;
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        record.timestamp = message.timestamp_ms;
        record.headers = message.native_headers();
        // Before the call: its report may come before the call returns.
        self.context.sent.fetch_add(1, Ordering::AcqRel);
        self.client.send(record).map_err(|(e, _)| {
            self.context.sent.fetch_sub(1, Ordering::AcqRel);
            e
        })
    }

    /// Waits until all that was sent is acknowledged.
    ///
    /// # Errors
    /// The first delivery that failed; `Unavailable`.
    pub async fn flush(&self) -> Result<()> {
        let flushing = async {
            loop {
                let moved = self.context.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                self.check()?;
                if self.unacknowledged() == 0 {
                    return Ok(());
                }
                moved.await;
            }
        };
        // A little later than librdkafka's own limit, which has the better message.
        let limit = self.limit + Duration::from_secs(2);
        tokio::time::timeout(limit, flushing)
            .await
            .map_err(|_| Error::timed_out("flush the producer", limit))?
    }

    /// Messages sent and not yet acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        let answered = self.context.answered.load(Ordering::Acquire);
        self.context.sent.load(Ordering::Acquire).saturating_sub(answered)
    }

    fn check(&self) -> Result<()> {
        let failure = self.context.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            Some(e) => {
                let fatal = self.client.client().fatal_error().map(|(code, _)| KafkaError::Global(code));
                Err(Error::from_kafka("delivery of a message", fatal.unwrap_or(e)))
            }
            None => Ok(()),
        }
    }
}

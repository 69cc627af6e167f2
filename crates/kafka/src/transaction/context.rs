//! The callbacks of a transactional producer's librdkafka client.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};

use super::doubt::{DoubtDetector, ResendCounters};
use crate::context::{SharedContext, TokenResult};
use crate::error::Error;

/// The log facilities of lost connections and of requests that timed out.
const DOUBTFUL_LOG_FACILITIES: [&str; 2] = ["FAIL", "REQTMOUT"];

/// Receives librdkafka's callbacks while the producer's queue is served, and passes on what raises doubt.
pub(crate) struct TransactionContext {
    shared: SharedContext,
    doubt: Arc<DoubtDetector>,
    /// The number of callbacks so far. While it does not change, the queue is empty.
    calls: AtomicU64,
    /// The number of delivery reports so far.
    reported: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
}

impl TransactionContext {
    pub(crate) fn new(shared: SharedContext, doubt: Arc<DoubtDetector>) -> Self {
        TransactionContext {
            shared,
            doubt,
            calls: AtomicU64::new(0),
            reported: AtomicUsize::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Adds the cause to an error that means "no answer".
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.shared.explain(error)
    }

    /// Returns the number of callbacks so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns the number of delivery reports so far, good and bad.
    pub(crate) fn reported(&self) -> usize {
        self.reported.load(Ordering::Relaxed)
    }

    /// Returns the error of the first failed delivery.
    pub(crate) fn failure(&self) -> Option<KafkaError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for TransactionContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> TokenResult {
        self.shared.oauth_token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.count_call();
        self.shared.log(level, facility, message);
        if DOUBTFUL_LOG_FACILITIES.contains(&facility) {
            self.doubt.raise(|| format!("log: {facility} {message}"));
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.count_call();
        self.shared.statistics(&statistics);
        self.doubt.observe_statistics(statistics.brokers.into_iter().map(|(name, broker)| {
            let disconnects = broker.disconnects.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
            let counters =
                ResendCounters { retries: broker.txretries, timeouts: broker.req_timeouts, disconnects };
            (name, counters)
        }));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.count_call();
        self.shared.error(&error, reason);
        self.doubt.raise(|| format!("error: {error}: {reason}"));
    }
}

impl ProducerContext for TransactionContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.count_call();
        if let Err((error, _)) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        self.reported.fetch_add(1, Ordering::Relaxed);
    }
}

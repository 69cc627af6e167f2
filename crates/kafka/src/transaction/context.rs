use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::{ClientContext, Statistics};

use super::doubt::{Doubt, Signs};
use crate::log;

/// Log facilities that tell of lost connections and late requests.
const TELLTALE: [&str; 2] = ["FAIL", "REQTMOUT"];

/// What librdkafka calls back with while the producer's queue is served.
pub(crate) struct Context {
    pub(crate) doubt: Arc<Doubt>,
    /// All calls so far: when it stands still, the queue was empty.
    calls: AtomicU64,
    answered: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
}

impl Context {
    pub(crate) fn new(doubt: Arc<Doubt>) -> Self {
        Context { doubt, calls: AtomicU64::new(0), answered: AtomicUsize::new(0), failure: Mutex::new(None) }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Delivery reports so far, good and bad.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// The first failed delivery.
    pub(crate) fn failure(&self) -> Option<KafkaError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        log::forward(level, facility, message);
        if TELLTALE.contains(&facility) {
            self.doubt.raise(|| format!("log: {facility} {message}"));
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.called();
        self.doubt.report(statistics.brokers.into_iter().map(|(name, broker)| {
            let disconnects = broker.disconnects.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
            let signs = Signs { retries: broker.txretries, timeouts: broker.req_timeouts, disconnects };
            (name, signs)
        }));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        tracing::info!(%error, reason, "transactional producer");
        self.doubt.raise(|| format!("error: {error}: {reason}"));
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.called();
        if let Err((error, _)) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

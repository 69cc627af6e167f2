//! The context of a reader's consumer: the callbacks of every client, and the ends that librdkafka has signalled.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};

use crate::context::{SharedContext, TokenResult};

pub(super) struct ReaderContext {
    shared: SharedContext,
    /// The offset of the last end-of-partition event of each partition, since it was last taken.
    signalled_ends: Mutex<BTreeMap<i32, i64>>,
}

impl ReaderContext {
    pub(super) fn new(shared: SharedContext) -> Self {
        Self { shared, signalled_ends: Mutex::default() }
    }

    /// Takes the offsets of end-of-partition events that librdkafka has put into the queue. rdkafka's own event has no
    /// offset.
    pub(super) fn take_signalled_ends(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut *self.signalled_ends.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for ReaderContext {
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
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        // A partition without such an event has a negative offset.
        let ends = partitions.map(|of| (of.partition, of.eof_offset)).filter(|(_, offset)| *offset >= 0);
        self.signalled_ends.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
    }
}

impl ConsumerContext for ReaderContext {}

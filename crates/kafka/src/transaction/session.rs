//! One initialized transactional producer, from the new epoch to its first error.
//!
//! `commit_loop` calls it on the producer's thread. [`Session::commit`] sends the data, waits for its
//! delivery reports, sends the state records, commits, and then checks with the `DoubtDetector` that
//! librdkafka resent nothing. It never retries a transaction and never reports a success whose outcome is
//! uncertain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::context::TransactionContext;
use super::doubt::DoubtDetector;
use super::{CommitReport, TransactionalOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::Message;
use crate::settings::ClientSettings;

/// The property `retry.backoff.ms`. librdkafka varies it by up to 20 %.
const RETRY_BACKOFF_MS: &str = "250";
/// librdkafka resends no request within this time, which is less than 80 % of the back-off.
const MIN_RESEND_DELAY: Duration = Duration::from_millis(150);
/// The property `statistics.interval.ms`.
const STATISTICS_INTERVAL_MS: &str = "200";
/// The longest wait for the next statistics.
pub(crate) const STATISTICS_TIMEOUT: Duration = Duration::from_secs(2);
/// One wait for delivery reports. rdkafka's `flush` waits in steps of 100 ms, which is far too long for one
/// transaction.
const DELIVERY_POLL_TIMEOUT: Duration = Duration::from_millis(1);
/// The longest wait for the abort of a transaction whose caller has gone.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest call of `init_transactions`.
const INIT_STEP: Duration = Duration::from_millis(500);
/// The number of sends between two polls for delivery reports.
const SENDS_PER_POLL: usize = 500;
/// The number of polls without a callback after which the queue counts as empty.
const QUIET_POLLS: usize = 3;

/// Builds the settings of a transactional producer.
pub(crate) fn settings(
    options: &ClientOptions,
    transactional: &TransactionalOptions,
) -> Result<ClientSettings> {
    let timeout = transactional.transaction_timeout.as_millis().to_string();
    // A message that waits longer is of no use, because the time of its transaction is over.
    let message_timeout = transactional.operation_timeout.as_millis().to_string();
    options.settings(
        ClientKind::Producer,
        &[("compression.type", "lz4"), ("linger.ms", "2"), ("queue.buffering.max.kbytes", "65536")],
        &[
            ("transactional.id", &transactional.transactional_id),
            ("transaction.timeout.ms", &timeout),
            ("message.timeout.ms", &message_timeout),
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("partitioner", "murmur2_random"),
            ("retry.backoff.ms", RETRY_BACKOFF_MS),
            ("retry.backoff.max.ms", "1000"),
            ("statistics.interval.ms", STATISTICS_INTERVAL_MS),
            ("log.connection.close", "true"),
        ],
    )
}

/// An initialized transactional producer, owned by one thread. After an error it must be dropped.
pub(crate) struct Session {
    producer: BaseProducer<TransactionContext>,
    doubt: Arc<DoubtDetector>,
    transactional_id: String,
    /// The number of messages sent so far.
    sent: usize,
}

impl Session {
    /// Creates the producer and initializes its transactions, which fences earlier producers of the same id.
    ///
    /// # Errors
    /// `Config`, `Denied`, `Fenced` (another producer was initialized later), `Unavailable`.
    pub(crate) fn init(
        settings: &ClientSettings,
        transactional_id: &str,
        doubt: Arc<DoubtDetector>,
        limit: Duration,
    ) -> Result<Session> {
        let started = Instant::now();
        let operation = format!("initialize transactional id {transactional_id}");
        let context = |shared| TransactionContext::new(shared, doubt.clone());
        let producer: BaseProducer<TransactionContext> = settings.create(&operation, context)?;
        let session = Session { producer, doubt, transactional_id: transactional_id.to_owned(), sent: 0 };
        loop {
            let remaining = limit.saturating_sub(started.elapsed());
            // Between two calls, librdkafka's log and its requests for tokens are served.
            match session.producer.init_transactions(remaining.min(INIT_STEP)) {
                Ok(()) => break,
                // The next call continues where the call that timed out has stopped.
                Err(KafkaError::Transaction(e)) if e.is_retriable() && !remaining.is_zero() => {
                    tracing::debug!(transactional_id, error = %e, "Retrying init_transactions");
                    session.drain();
                }
                Err(e) => return Err(session.error("initialize the producer", e)),
            }
        }
        session.drain();
        if session.doubt.reason().is_some() {
            // Connection problems before the new epoch do not matter. The detector takes in their counters
            // now, because they would raise doubt later.
            session.await_statistics();
        }
        session.doubt.clear();
        tracing::info!(transactional_id, elapsed = ?started.elapsed(), "Initialized the transactional producer");
        Ok(session)
    }

    /// Sends data, then state records, commits, and checks that nothing was resent. `is_wanted` returns
    /// whether the caller still waits; if not, the transaction is aborted.
    ///
    /// # Errors
    /// Those of [`TransactionalProducer::commit`](super::TransactionalProducer::commit).
    pub(crate) fn commit(
        &mut self,
        transaction: super::Transaction,
        limit: Duration,
        is_wanted: impl Fn() -> bool,
    ) -> Result<CommitReport> {
        let started = Instant::now();
        let deadline = started + limit;
        self.drain();
        if let Some(reason) = self.doubt.reason() {
            return Err(self.in_doubt(format!("it was not begun because of an earlier event: {reason}")));
        }
        let (data, state) = (transaction.data.len(), transaction.state.len());
        self.producer.begin_transaction().map_err(|e| self.error("begin a transaction", e))?;
        self.write(transaction.data, deadline, "data")?;
        self.abort_unless(&is_wanted)?;
        self.write(transaction.state, deadline, "state")?;
        self.abort_unless(&is_wanted)?;

        let requested = Instant::now();
        // librdkafka takes 0 for "do not wait", and would leave the request unanswered.
        let remaining = deadline.saturating_duration_since(requested).max(DELIVERY_POLL_TIMEOUT);
        if let Err(e) = self.producer.commit_transaction(remaining) {
            let error = self.error("commit a transaction", e);
            // Whatever else the error says: the broker may have executed the request.
            return Err(if error.kind() == ErrorKind::Fenced {
                error
            } else {
                error.with_kind(ErrorKind::InDoubt)
            });
        }
        let waited_for_statistics = requested.elapsed() >= MIN_RESEND_DELAY;
        self.drain();
        if waited_for_statistics && !self.await_statistics() {
            return Err(self.in_doubt(format!(
                "librdkafka reported a commit, but no statistics within {STATISTICS_TIMEOUT:?} after it"
            )));
        }
        if let Some(reason) = self.doubt.reason() {
            return Err(self.in_doubt(format!("librdkafka reported a commit, but meanwhile: {reason}")));
        }
        Ok(CommitReport { data, state, elapsed: started.elapsed(), waited_for_statistics })
    }

    /// Serves all callbacks that are due.
    pub(crate) fn drain(&self) {
        // Some events call no callback, so one quiet poll does not prove that the queue is empty.
        let mut quiet = 0;
        while quiet < QUIET_POLLS {
            let before = self.producer.context().calls();
            self.producer.poll(Duration::ZERO);
            quiet = if self.producer.context().calls() == before { quiet + 1 } else { 0 };
        }
    }

    /// Waits for statistics that librdkafka makes after this call. Returns false if none arrive in time.
    ///
    /// librdkafka makes them on the thread that also handles the answer to `EndTxn`. So those from before
    /// that answer are in the queue already and were drained. It counts a resend before it sends.
    fn await_statistics(&self) -> bool {
        let (before, started) = (self.doubt.reports(), Instant::now());
        while self.doubt.reports() == before {
            if started.elapsed() > STATISTICS_TIMEOUT {
                return false;
            }
            self.producer.poll(DELIVERY_POLL_TIMEOUT);
        }
        self.drain();
        true
    }

    /// Sends all messages and waits for their delivery reports. `part` is `data` or `state`, for messages.
    fn write(&mut self, messages: Vec<Message>, deadline: Instant, part: &str) -> Result<()> {
        for (i, message) in messages.into_iter().enumerate() {
            self.send(&message, deadline, part)?;
            if i % SENDS_PER_POLL == SENDS_PER_POLL - 1 {
                self.producer.poll(Duration::ZERO);
                self.check_deliveries(part)?;
            }
        }
        while self.producer.context().reported() < self.sent {
            if Instant::now() > deadline {
                let missing = self.sent - self.producer.context().reported();
                let message = format!(
                    "Cannot write the transaction of {}: {missing} {part} records were not acknowledged in time; check \
                     that the brokers are reachable",
                    self.transactional_id
                );
                return Err(self.explain(Error::new(ErrorKind::Unavailable, message)));
            }
            self.producer.poll(DELIVERY_POLL_TIMEOUT);
            self.check_deliveries(part)?;
        }
        self.check_deliveries(part)
    }

    /// Hands one message to librdkafka, and waits while its buffer is full.
    fn send(&mut self, message: &Message, deadline: Instant, part: &str) -> Result<()> {
        loop {
            let mut record = BaseRecord::<[u8], [u8]>::to(&message.topic);
            record.partition = message.partition;
            record.key = message.key.as_deref();
            record.payload = message.value.as_deref();
            record.timestamp = message.timestamp_ms;
            record.headers = message.native_headers();
            match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _))
                    if Instant::now() < deadline =>
                {
                    self.producer.poll(DELIVERY_POLL_TIMEOUT);
                    self.check_deliveries(part)?;
                }
                Err((e, _)) => {
                    return Err(self.error(&format!("send a {part} record to {}", message.topic), e));
                }
            }
        }
    }

    /// Returns the first failed delivery as an error.
    fn check_deliveries(&self, part: &str) -> Result<()> {
        match self.producer.context().failure() {
            Some(e) => Err(self.error(&format!("deliver a {part} record"), e)),
            None => Ok(()),
        }
    }

    /// Aborts the transaction if its caller has gone.
    fn abort_unless(&self, is_wanted: &impl Fn() -> bool) -> Result<()> {
        if is_wanted() {
            return Ok(());
        }
        let transactional_id = &self.transactional_id;
        match self.producer.abort_transaction(ABORT_TIMEOUT) {
            Ok(()) => tracing::info!(transactional_id, "Aborted a transaction whose caller has gone"),
            Err(error) => {
                tracing::info!(transactional_id, %error, "Cannot abort a transaction; the next init aborts it");
            }
        }
        let message =
            format!("The transaction of {transactional_id} was cancelled by its caller and aborted");
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    fn in_doubt(&self, reason: String) -> Error {
        let id = &self.transactional_id;
        Error::new(ErrorKind::InDoubt, format!("The transaction of {id} is in doubt: {reason}"))
    }

    /// Wraps librdkafka's error. If the client has a fatal error, that one decides the kind: the given error
    /// is only its consequence (a purged message, a wrong state).
    fn error(&self, operation: &str, error: KafkaError) -> Error {
        let operation = format!("{operation} (transactional id {})", self.transactional_id);
        match self.producer.client().fatal_error() {
            Some((code, reason)) => {
                let cause = Error::from_kafka(&format!("{operation}: {reason}"), KafkaError::Global(code));
                match cause.kind() {
                    ErrorKind::Denied | ErrorKind::Fenced | ErrorKind::Config => cause,
                    _ => cause.with_kind(ErrorKind::Fenced),
                }
            }
            None => self.explain(Error::from_kafka(&operation, error)),
        }
    }

    fn explain(&self, error: Error) -> Error {
        self.drain();
        self.producer.context().explain(error)
    }
}

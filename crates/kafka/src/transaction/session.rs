use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::context::Context;
use super::doubt::Doubt;
use super::{Committed, TransactionalOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::record::Message;

/// `retry.backoff.ms`. librdkafka takes ±20 % of it.
const RETRY_BACKOFF_MS: &str = "250";
/// No request can have been resent within this time: less than 80 % of the back-off.
const NO_RESEND_WITHIN: Duration = Duration::from_millis(150);
const STATISTICS_INTERVAL_MS: &str = "200";
/// How long to wait for statistics that are due.
pub(crate) const SETTLE_LIMIT: Duration = Duration::from_secs(2);
/// One wait for delivery reports. rdkafka's `flush` waits in steps of 100 ms, far too long for each transaction.
const TICK: Duration = Duration::from_millis(1);
/// Messages sent between two looks at the delivery reports.
const SENDS_PER_POLL: usize = 500;

pub(crate) fn config(options: &ClientOptions, transactional: &TransactionalOptions) -> Result<ClientConfig> {
    let timeout = transactional.transaction_timeout.as_millis().to_string();
    // Messages that wait longer are of no use: the operation's time is up.
    let message_timeout = transactional.operation_timeout.as_millis().to_string();
    options.config(
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

/// An initialised transactional producer, on its own thread. After an error it must be dropped.
pub(crate) struct Session {
    producer: BaseProducer<Context>,
    doubt: Arc<Doubt>,
    id: String,
    sent: usize,
}

impl Session {
    pub(crate) fn init(
        config: &ClientConfig,
        id: &str,
        doubt: Arc<Doubt>,
        limit: Duration,
    ) -> Result<Session> {
        let started = Instant::now();
        let doing = format!("init of transactional id {id}");
        let producer: BaseProducer<Context> = config
            .create_with_context(Context::new(doubt.clone()))
            .map_err(|e| Error::from_kafka(&doing, e).with_kind(ErrorKind::Config))?;
        let session = Session { producer, doubt, id: id.to_owned(), sent: 0 };
        loop {
            let left = limit.saturating_sub(started.elapsed());
            match session.producer.init_transactions(left) {
                Ok(()) => break,
                // Calling again goes on where the call that timed out has stopped.
                Err(KafkaError::Transaction(e)) if e.is_retriable() && !left.is_zero() => {
                    tracing::debug!(transactional_id = id, error = %e, "init_transactions is retried");
                    session.producer.poll(TICK);
                }
                Err(e) => return Err(session.failed(&doing, e)),
            }
        }
        session.drain();
        if session.doubt.reason().is_some() {
            // Trouble before the new epoch is none of its own. Take its totals in, or they would show up later.
            session.await_statistics();
        }
        session.doubt.clear();
        tracing::info!(transactional_id = id, elapsed = ?started.elapsed(), "transactional producer initialised");
        Ok(session)
    }

    /// Data, state, commit, checks. `wanted` says whether the caller is still there; without it, the transaction is aborted.
    pub(crate) fn commit(
        &mut self,
        transaction: super::Transaction,
        limit: Duration,
        wanted: impl Fn() -> bool,
    ) -> Result<Committed> {
        let started = Instant::now();
        let deadline = started + limit;
        self.drain();
        if let Some(reason) = self.doubt.reason() {
            let what = format!("transaction of {} not begun: {reason}", self.id);
            return Err(Error::new(ErrorKind::InDoubt, what));
        }
        let (data, state) = (transaction.data.len(), transaction.state.len());
        self.producer.begin_transaction().map_err(|e| self.failed("begin a transaction", e))?;
        self.write(transaction.data, deadline, "data")?;
        self.still(&wanted)?;
        self.write(transaction.state, deadline, "state")?;
        self.still(&wanted)?;

        let asked = Instant::now();
        // Librdkafka takes 0 for "do not wait" and would leave the request on its way.
        let left = deadline.saturating_duration_since(asked).max(TICK);
        if let Err(e) = self.producer.commit_transaction(left) {
            let error = self.failed("commit a transaction", e);
            // Whatever else it says: the request may have been executed.
            return Err(if error.kind() == ErrorKind::Fenced {
                error
            } else {
                error.with_kind(ErrorKind::InDoubt)
            });
        }
        let waited_for_statistics = asked.elapsed() >= NO_RESEND_WITHIN;
        self.drain();
        if waited_for_statistics && !self.await_statistics() {
            let what =
                format!("transaction of {}: no statistics within {SETTLE_LIMIT:?} after the commit", self.id);
            return Err(Error::new(ErrorKind::InDoubt, what));
        }
        if let Some(reason) = self.doubt.reason() {
            let what = format!("transaction of {} said to be committed, but meanwhile: {reason}", self.id);
            return Err(Error::new(ErrorKind::InDoubt, what));
        }
        Ok(Committed { data, state, elapsed: started.elapsed(), waited_for_statistics })
    }

    /// Looks at what came in while idle.
    pub(crate) fn drain(&self) {
        // An event that calls nobody back does not move the counter, hence more than one quiet look.
        let mut quiet = 0;
        while quiet < 3 {
            let before = self.producer.context().calls();
            self.producer.poll(Duration::ZERO);
            quiet = if self.producer.context().calls() == before { quiet + 1 } else { 0 };
        }
    }

    /// Statistics made after this call. librdkafka makes them on the thread that also handles EndTxn's answer, so any made
    /// before that answer are in the queue already and were drained; and it counts a resend before it sends.
    fn await_statistics(&self) -> bool {
        let (before, started) = (self.doubt.reports(), Instant::now());
        while self.doubt.reports() == before {
            if started.elapsed() > SETTLE_LIMIT {
                return false;
            }
            self.producer.poll(TICK);
        }
        self.drain();
        true
    }

    /// Sends all and waits for every delivery report.
    fn write(&mut self, messages: Vec<Message>, deadline: Instant, what: &str) -> Result<()> {
        for (i, message) in messages.into_iter().enumerate() {
            self.send(&message, deadline, what)?;
            if i % SENDS_PER_POLL == SENDS_PER_POLL - 1 {
                self.producer.poll(Duration::ZERO);
                self.check(what)?;
            }
        }
        while self.producer.context().answered() < self.sent {
            if Instant::now() > deadline {
                let missing = self.sent - self.producer.context().answered();
                let text =
                    format!("transaction of {}: {missing} {what} records unacknowledged in time", self.id);
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            self.producer.poll(TICK);
            self.check(what)?;
        }
        self.check(what)
    }

    fn send(&mut self, message: &Message, deadline: Instant, what: &str) -> Result<()> {
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
                    self.producer.poll(TICK);
                    self.check(what)?;
                }
                Err((e, _)) => {
                    return Err(self.failed(&format!("send a {what} record to {}", message.topic), e));
                }
            }
        }
    }

    fn check(&self, what: &str) -> Result<()> {
        match self.producer.context().failure() {
            Some(e) => Err(self.failed(&format!("delivery of a {what} record"), e)),
            None => Ok(()),
        }
    }

    fn still(&self, wanted: &impl Fn() -> bool) -> Result<()> {
        if wanted() {
            return Ok(());
        }
        let limit = Duration::from_secs(2);
        match self.producer.abort_transaction(limit) {
            Ok(()) => tracing::info!(transactional_id = self.id, "transaction aborted: its caller has gone"),
            Err(error) => {
                tracing::info!(transactional_id = self.id, %error, "abort failed; the next init does it")
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("transaction of {}: cancelled and aborted", self.id)))
    }

    /// The error's kind, unless librdkafka has a fatal one, of which this is a consequence (a purged message, a wrong state).
    fn failed(&self, doing: &str, error: KafkaError) -> Error {
        let doing = format!("transaction of {}: {doing}", self.id);
        match self.producer.client().fatal_error() {
            Some((code, reason)) => {
                let cause = Error::from_kafka(&format!("{doing}: {reason}"), KafkaError::Global(code));
                match cause.kind() {
                    ErrorKind::Denied | ErrorKind::Fenced | ErrorKind::Config => cause,
                    _ => cause.with_kind(ErrorKind::Fenced),
                }
            }
            None => Error::from_kafka(&doing, error),
        }
    }
}

//! Kafka transactions whose outcome is certain.
//!
//! [`TransactionalProducer`] is the handle; `publish` owns one for each shard. Its thread runs `commit_loop`,
//! which owns a `Session`: the initialized librdkafka producer. The producer's callbacks (`context`) report
//! each sign that a request was sent twice to the `DoubtDetector`. Nothing here is retried: an error ends the
//! session, and the caller initializes the next one.

mod commit_loop;
mod context;
mod doubt;
mod session;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::record::Message;
use crate::thread;
use commit_loop::CommitRequest;
use doubt::DoubtDetector;
use session::Session;

/// How much later than librdkafka's own time limits a thread is given up.
const WATCHDOG_GRACE: Duration = Duration::from_secs(5);

/// The identity and the time limits of a [`TransactionalProducer`].
#[derive(Debug, Clone)]
pub struct TransactionalOptions {
    /// The property `transactional.id`. The latest `init` with an id fences all earlier producers with it.
    pub transactional_id: String,
    /// The property `transaction.timeout.ms`: the time after which the coordinator aborts an open
    /// transaction.
    pub transaction_timeout: Duration,
    /// The longest time that `init` or one `commit` may take: at least 1 s, at most `transaction_timeout`.
    pub operation_timeout: Duration,
}

/// The messages of one transaction.
#[derive(Debug, Default)]
pub struct Transaction {
    /// The data messages. They are sent first and acknowledged before anything else is sent.
    pub data: Vec<Message>,
    /// The state messages. They are sent after all data is acknowledged, so that a torn transaction may
    /// repeat data but never loses it.
    pub state: Vec<Message>,
}

/// The report of a transaction that was certainly committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReport {
    /// The number of data messages.
    pub data: usize,
    /// The number of state messages.
    pub state: usize,
    /// The time from the begin of the transaction to the end of all checks.
    pub elapsed: Duration,
    /// Whether the answer took so long that the producer waited for the client's statistics; see
    /// [`TransactionalProducer`].
    pub waited_for_statistics: bool,
}

/// A producer with a transactional id. Any error uses it up: [`commit`](Self::commit) returns it only on
/// success. After an error, call [`init`](Self::init), which fences the old producer and aborts its open
/// transaction, and read back what is visible.
///
/// # When a success is not trusted
/// librdkafka 2.12 implements the transaction protocol from before the second part of KIP-890. If it resends
/// an `EndTxn` request, the first one may arrive later and end the *next* transaction while that is half
/// written. So a commit succeeds here only if nothing was resent. librdkafka reports resends as follows (by
/// its source, v2.12.1):
/// - The **error callback** gets broker failures of level `LOG_ERR` only (a failed connect, TLS, authentication, a failed
///   receive), "all brokers down" once per outage, and fatal errors. **Identical broker failures are suppressed for 30 s**
///   per broker (`rd_kafka_broker_set_error`). A connection that the peer closes, even with requests in flight, is only
///   *logged* (`FAIL`, `LOG_INFO` or `LOG_WARNING`, `rd_kafka_broker_conn_closed`), with the same suppression. A request
///   that times out is only *logged* (`REQTMOUT`), and its connection is closed silently.
/// - The **log** (`FAIL`, `REQTMOUT`) is therefore observed as well, at level info.
/// - The **statistics** count every disconnect, time-out and retry of each broker without suppression, but only every
///   200 ms. A resend first waits for `retry.backoff.ms` (here 250, ±20 %). So a commit that is answered within 150 ms was
///   not resent; after a slower one the producer waits for the next statistics.
///
/// Any such sign between the previous success and the answer makes the outcome `InDoubt`. Signs while the
/// producer is idle count too, so check [`is_healthy`](Self::is_healthy) from time to time.
#[derive(Debug)]
pub struct TransactionalProducer {
    requests: std_mpsc::SyncSender<CommitRequest>,
    doubt: Arc<DoubtDetector>,
    transactional_id: String,
    operation_timeout: Duration,
    ended: oneshot::Receiver<()>,
}

impl TransactionalProducer {
    /// Connects, fences every earlier producer with the same id, and waits until its open transaction is
    /// aborted.
    ///
    /// Fixed properties: `enable.idempotence=true`, `acks=all`, `partitioner=murmur2_random`,
    /// `retry.backoff.ms=250`, `retry.backoff.max.ms=1000`, `statistics.interval.ms=200`,
    /// `log.connection.close=true`, `message.timeout.ms`. Defaults that the options may override:
    /// `compression.type=lz4`, `linger.ms=2`, `queue.buffering.max.kbytes=65536`.
    ///
    /// # Errors
    /// `Config`, `Denied`, `Fenced` (a later `init` was faster), `Unavailable` after `operation_timeout`.
    pub async fn init(options: &ClientOptions, transactional: &TransactionalOptions) -> Result<Self> {
        let limit = transactional.operation_timeout;
        let transactional_id = transactional.transactional_id.clone();
        if limit < Duration::from_secs(1) || limit > transactional.transaction_timeout {
            let message = format!(
                "Cannot initialize transactional id {transactional_id}: operation_timeout {limit:?} must be at least 1 s \
                 and at most transaction_timeout {:?}",
                transactional.transaction_timeout
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let settings = session::settings(options, transactional)?;
        let doubt = Arc::new(DoubtDetector::default());
        let (id, detector) = (transactional_id.clone(), doubt.clone());
        let (requests, request_rx) = std_mpsc::sync_channel(1);
        let (init_tx, init_rx) = oneshot::channel();
        let (end_tx, ended) = oneshot::channel();
        thread::spawn("spanbridge-kafka-transaction", move || {
            match Session::init(&settings, &id, detector, limit) {
                Ok(session) => {
                    // If nobody waits any longer, the request channel is closed too and the loop ends at
                    // once.
                    let _ = init_tx.send(Ok(()));
                    commit_loop::run(session, &request_rx);
                }
                Err(error) => {
                    let _ = init_tx.send(Err(error));
                }
            }
            let _ = end_tx.send(());
        })?;
        match tokio::time::timeout(limit + WATCHDOG_GRACE, init_rx).await {
            Ok(Ok(Ok(()))) => Ok(TransactionalProducer {
                requests,
                doubt,
                transactional_id,
                operation_timeout: limit,
                ended,
            }),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => {
                let message =
                    format!("Cannot initialize transactional id {transactional_id}: its thread has ended");
                Err(Error::new(ErrorKind::Bug, message))
            }
            Err(_) => {
                thread::abandon("init_transactions");
                let operation = format!("initialize transactional id {transactional_id}");
                Err(options.connection().explain(Error::timed_out(&operation, limit)))
            }
        }
    }

    /// Returns whether nothing since the last success puts the next transaction in doubt. While the producer
    /// is idle, its thread polls for such signs four times a second. If the result is false, drop this
    /// producer and call [`init`](Self::init).
    pub fn is_healthy(&self) -> bool {
        self.doubt.reason().is_none()
    }

    /// Returns the first sign of doubt if the producer is not healthy.
    pub fn doubt(&self) -> Option<String> {
        self.doubt.reason()
    }

    /// Writes and commits one transaction.
    ///
    /// If this future is dropped before the commit request is sent, the transaction is aborted. After that,
    /// its outcome is unknown.
    ///
    /// # Errors
    /// - `Fenced`: another producer has this id, or librdkafka calls the error fatal.
    /// - `InDoubt`: the outcome is unknown, the success cannot be trusted, or a sign of doubt came before the begin.
    /// - Any other kind: the transaction is not committed and never will be. The next `init` aborts it.
    pub async fn commit(self, transaction: Transaction) -> Result<(Self, CommitReport)> {
        let (result_tx, result_rx) = oneshot::channel();
        let id = &self.transactional_id;
        let request = CommitRequest { transaction, limit: self.operation_timeout, result_tx };
        if self.requests.try_send(request).is_err() {
            let message = format!("Cannot begin a transaction of {id}: its thread has ended");
            return Err(Error::new(ErrorKind::Bug, message));
        }
        let limit = self.operation_timeout + session::STATISTICS_TIMEOUT + WATCHDOG_GRACE;
        match tokio::time::timeout(limit, result_rx).await {
            Ok(Ok(Ok(report))) => Ok((self, report)),
            Ok(Ok(Err(error))) => {
                tracing::warn!(transactional_id = %id, %error, "Transaction failed");
                Err(error)
            }
            Ok(Err(_)) => {
                let message =
                    format!("The transaction of {id} is in doubt: its thread ended without a result");
                Err(Error::new(ErrorKind::InDoubt, message))
            }
            Err(_) => {
                thread::abandon("commit_transaction");
                let message = format!(
                    "The transaction of {id} is in doubt: librdkafka did not return within {limit:?}"
                );
                Err(Error::new(ErrorKind::InDoubt, message))
            }
        }
    }

    /// Ends the producer and its thread. No transaction is open between two calls of
    /// [`commit`](Self::commit).
    ///
    /// # Errors
    /// `Unavailable` if the thread does not end in time; it is then abandoned and counted.
    pub async fn close(self) -> Result<()> {
        let TransactionalProducer { requests, ended, .. } = self;
        drop(requests);
        if tokio::time::timeout(WATCHDOG_GRACE, ended).await.is_err() {
            thread::abandon("close of a transactional producer");
            return Err(Error::timed_out("close the transactional producer", WATCHDOG_GRACE));
        }
        Ok(())
    }
}

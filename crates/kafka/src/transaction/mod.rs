//! Kafka transactions whose outcome can be believed.

mod context;
mod doubt;
mod session;
mod worker;

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::record::Message;
use crate::thread;
use doubt::Doubt;
use session::Session;
use worker::Command;

/// How much later than librdkafka's own time limits the watchdog bites.
const WATCHDOG_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct TransactionalOptions {
    /// `transactional.id`: the latest `init` with the same one fences all before it.
    pub transactional_id: String,
    /// `transaction.timeout.ms`: after this the coordinator aborts an open transaction by itself.
    pub transaction_timeout: Duration,
    /// The most time `init` or one `commit` may take. At least 1 s, at most the transaction's time-out.
    pub operation_timeout: Duration,
}

/// What one transaction writes.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Sent first, and acknowledged before anything else is sent.
    pub data: Vec<Message>,
    /// Sent after all data is acknowledged, so that a torn transaction may repeat data but never lose it.
    pub state: Vec<Message>,
}

/// A transaction that is committed, without any sign of doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    pub data: usize,
    pub state: usize,
    /// From begin to the end of all checks.
    pub elapsed: Duration,
    /// The answer took so long that the client's own counters had to be waited for (see [`TransactionalProducer`]).
    pub waited_for_statistics: bool,
}

/// A producer with a transactional id. Any error uses it up: [`commit`](Self::commit) gives it back on success only.
/// Then `init` again, which fences the old one and aborts what it left open, and read back what is visible.
///
/// # When a success is not believed
/// librdkafka 2.12 speaks the transaction protocol from before KIP-890's second part: an EndTxn that it has resent by
/// itself may leave the first one on its way, to end the *next* transaction half written. So a commit succeeds here only
/// when nothing was resent. What librdkafka tells (by its source, v2.12.1):
/// - The **error callback** gets broker failures of level LOG_ERR only (a failed connect, TLS, authentication, a failed
///   receive), "all brokers down" once per outage, and fatal errors. **Identical broker failures are suppressed for 30 s**
///   per broker (`rd_kafka_broker_set_error`). A connection closed by the peer, even with requests in flight, is only
///   *logged* (`FAIL`, LOG_INFO or LOG_WARNING, `rd_kafka_broker_conn_closed`), and suppressed alike. A request that
///   timed out is only *logged* (`REQTMOUT`), and its connection torn down in silence.
/// - The **log** (`FAIL`, `REQTMOUT`) is therefore watched as well, at level info.
/// - The **statistics** count every disconnect, time-out and retry of each broker, unsuppressed, but come by the clock
///   (every 200 ms). A resend waits for `retry.backoff.ms` (here 250, ±20 %) first, so a commit answered within 150 ms
///   was not resent; for a slower one the next statistics are waited for.
///
/// Anything seen between the previous success and the answer is `InDoubt`. What is seen while idle counts too:
/// look at [`is_healthy`](Self::is_healthy) now and then.
#[derive(Debug)]
pub struct TransactionalProducer {
    commands: std_mpsc::SyncSender<Command>,
    doubt: Arc<Doubt>,
    transactional_id: String,
    operation_timeout: Duration,
    ended: oneshot::Receiver<()>,
}

impl TransactionalProducer {
    /// Connects, fences every earlier producer of the same id, and waits until its open transaction is aborted.
    ///
    /// Fixed, whatever the properties say: `enable.idempotence=true`, `acks=all`, `partitioner=murmur2_random`,
    /// `retry.backoff.ms=250`, `retry.backoff.max.ms=1000`, `statistics.interval.ms=200`, `log.connection.close=true`, `message.timeout.ms`.
    /// Defaults that may be changed: `compression.type=lz4`, `linger.ms=2`, `queue.buffering.max.kbytes=65536`.
    ///
    /// # Errors
    /// `Config`, `Denied`, `Fenced` (a later `init` was faster), `Unavailable` after `operation_timeout`.
    pub async fn init(options: &ClientOptions, transactional: &TransactionalOptions) -> Result<Self> {
        let limit = transactional.operation_timeout;
        if limit < Duration::from_secs(1) || limit > transactional.transaction_timeout {
            let what = format!(
                "transaction {}: operation_timeout {limit:?} must be at least 1 s and at most transaction_timeout {:?}",
                transactional.transactional_id, transactional.transaction_timeout
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
        let config = session::config(options, transactional)?;
        let doubt = Arc::new(Doubt::default());
        let (id, seen) = (transactional.transactional_id.clone(), doubt.clone());
        let (commands, command_rx) = std_mpsc::sync_channel(1);
        let (ready, readied) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        thread::spawn("spanbridge-kafka-transaction", move || {
            match Session::init(&config, &id, seen, limit) {
                Ok(session) => {
                    // When nobody waits any more, the command channel is closed too and the session ends at once.
                    let _ = ready.send(Ok(()));
                    worker::run(session, &command_rx);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
            let _ = end.send(());
        })?;
        let transactional_id = transactional.transactional_id.clone();
        match tokio::time::timeout(limit + WATCHDOG_GRACE, readied).await {
            Ok(Ok(Ok(()))) => Ok(TransactionalProducer {
                commands,
                doubt,
                transactional_id,
                operation_timeout: limit,
                ended,
            }),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => {
                Err(Error::new(ErrorKind::Bug, format!("init of {transactional_id}: its thread has ended")))
            }
            Err(_) => {
                thread::abandon("init_transactions");
                Err(Error::timed_out(&format!("init of transactional id {transactional_id}"), limit))
            }
        }
    }

    /// Whether nothing was seen, since the last success, that would put the next transaction in doubt. Looks at what the
    /// thread has noticed so far (it looks four times a second while idle). When false: drop this, `init` again.
    pub fn is_healthy(&self) -> bool {
        self.doubt.reason().is_none()
    }

    /// What was seen, in words, when not healthy.
    pub fn doubt(&self) -> Option<String> {
        self.doubt.reason()
    }

    /// Writes and commits one transaction.
    ///
    /// Cancelling this future before the commit request was sent aborts the transaction; after that its outcome is unknown.
    ///
    /// # Errors
    /// - `Fenced`: another producer has this id, or librdkafka calls the error fatal.
    /// - `InDoubt`: the outcome is unknown, the success is not to be trusted, or something was seen before it began.
    /// - any other kind: not committed, and never will be. The next `init` aborts it.
    pub async fn commit(self, transaction: Transaction) -> Result<(Self, Committed)> {
        let (answer, answered) = oneshot::channel();
        let id = &self.transactional_id;
        let command = Command { transaction, limit: self.operation_timeout, answer };
        if self.commands.try_send(command).is_err() {
            return Err(Error::new(
                ErrorKind::Bug,
                format!("transactional producer {id}: its thread has ended"),
            ));
        }
        let limit = self.operation_timeout + session::SETTLE_LIMIT + WATCHDOG_GRACE;
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(Ok(committed))) => Ok((self, committed)),
            Ok(Ok(Err(error))) => {
                tracing::warn!(transactional_id = %id, %error, "transaction failed");
                Err(error)
            }
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::InDoubt,
                format!("transaction of {id}: its thread ended without an answer"),
            )),
            Err(_) => {
                thread::abandon("commit of a transaction");
                let what = format!("transaction of {id}: librdkafka did not come back within {limit:?}");
                Err(Error::new(ErrorKind::InDoubt, what))
            }
        }
    }

    /// Ends the producer and its thread; nothing is open then.
    ///
    /// # Errors
    /// `Unavailable` when the thread did not end in time (it is abandoned and counted).
    pub async fn close(self) -> Result<()> {
        let TransactionalProducer { commands, ended, .. } = self;
        drop(commands);
        if tokio::time::timeout(WATCHDOG_GRACE, ended).await.is_err() {
            thread::abandon("close of a transactional producer");
            return Err(Error::timed_out("close the transactional producer", WATCHDOG_GRACE));
        }
        Ok(())
    }
}

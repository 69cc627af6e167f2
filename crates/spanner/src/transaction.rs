//! Read-write transactions: reads under lock, and their commit.

use futures::future::BoxFuture;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::error::rpc::{Code, Status};
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::model::CommitResponse;
use google_cloud_spanner::mutation::Mutation as WireMutation;
use google_cloud_spanner::transaction::{
    BasicTransactionRetryPolicy, ReadWriteTransaction, TransactionRunner,
};
use spanbridge_protocol::mutation::Mutation;
use spanbridge_protocol::value::{Type, Value};
use tokio::sync::{mpsc, oneshot};

use crate::commit::{CommitOptions, Committed, EncodedCommit, committed};
use crate::database::Database;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::range::{KeyRange, key_set, range_key_set};
use crate::read::Read;

impl Database {
    /// Begins a read-write transaction: one attempt, which starts with the first read.
    ///
    /// Spanner aborts a transaction that is idle for ten seconds
    /// (<https://cloud.google.com/spanner/docs/transactions#idle_transactions>).
    ///
    /// # Errors
    /// See [`Database::connect`], for the session.
    pub async fn begin(&self, options: CommitOptions<'_>) -> Result<ReadWrite> {
        let client = self.take_session().await?;
        let limit = self.options().commit_timeout;
        let mut builder = client
            .read_write_transaction()
            .with_begin_attempt_timeout(limit)
            .with_begin_retry_policy(NeverRetry)
            .with_commit_attempt_timeout(limit)
            .with_commit_retry_policy(NeverRetry)
            .with_rollback_attempt_timeout(limit)
            .with_rollback_retry_policy(NeverRetry)
            .with_retry_policy(BasicTransactionRetryPolicy::new().with_max_attempts(1))
            .set_return_commit_stats(options.stats)
            .set_exclude_txn_from_change_streams(options.exclude);
        if let Some(tag) = options.tag {
            builder = builder.set_transaction_tag(tag);
        }
        if let Some(priority) = self.options().priority {
            builder = builder.set_commit_priority(priority.wire());
        }
        if let Some(delay) = self.options().wire_commit_delay()? {
            builder = builder.set_max_commit_delay(delay);
        }
        let (steps, receiver) = mpsc::channel(1);
        let (sender, outcome) = oneshot::channel();
        let attempt = Attempt { database: self.clone(), steps: receiver };
        let (database, runner) = (self.clone(), builder.build());
        tokio::spawn(async move {
            let outcome = attempt.run(runner).await;
            if is_session_reusable(&outcome) {
                database.give_back_session(client);
            }
            // The receiver is gone if the transaction was dropped or its commit was left in doubt.
            let _ = sender.send(outcome);
        });
        Ok(ReadWrite { database: self.clone(), steps, outcome })
    }
}

type Outcome = std::result::Result<CommitResponse, ClientError>;

/// A read-write transaction. The rows it has read do not change until it ends: another transaction that writes them waits, or
/// one of the two is aborted.
///
/// The transaction runs in a separate task, so that a caller that is cancelled during a call leaves no locks behind: dropping
/// the handle rolls the transaction back, within [`Options::commit_timeout`](crate::Options::commit_timeout) after
/// a running call. An error ends the transaction; later calls fail with [`ErrorKind::Aborted`].
#[derive(Debug)]
pub struct ReadWrite {
    database: Database,
    steps: mpsc::Sender<Step>,
    outcome: oneshot::Receiver<Outcome>,
}

impl ReadWrite {
    /// Returns the rows with these primary keys, in key order, and locks them. Missing rows are omitted, and their absence is
    /// locked.
    ///
    /// # Errors
    /// See [`ErrorKind`]. There is one attempt and no retry. `Aborted` after a conflict with another transaction.
    pub async fn read(
        &mut self,
        table: &str,
        columns: &[(String, Type)],
        keys: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(Read::new(table, columns, key_set(keys))).await
    }

    /// Returns the rows of the union of these ranges, in key order, and locks the ranges as a whole, against inserts too.
    ///
    /// # Errors
    /// See [`ReadWrite::read`]; [`ErrorKind::TooLarge`] for more than `max_rows` rows.
    pub async fn read_ranges(
        &mut self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        max_rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(Read::new(table, columns, range_key_set(ranges)).limited_to(max_rows)).await
    }

    /// Returns the first rows of this range, at most `rows`, in key order, and locks the range up to the last of them.
    ///
    /// # Errors
    /// See [`ReadWrite::read`].
    pub async fn read_page(
        &mut self,
        table: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(Read::new(table, columns, range_key_set(vec![range])).first(rows)).await
    }

    async fn run(&mut self, read: Read) -> Result<Vec<Vec<Value>>> {
        let (reply, answer) = oneshot::channel();
        self.steps.send(Step::Read(read, reply)).await.map_err(|_| ended("read"))?;
        answer.await.map_err(|_| ended("read"))?
    }

    /// Commits these mutations if no row that was read has changed.
    ///
    /// Dropping the future leaves the commit in doubt.
    ///
    /// # Errors
    /// See [`ErrorKind`]. There is one attempt and no retry. Only `InDoubt` leaves the outcome unknown.
    pub async fn commit(self, mutations: Vec<Mutation>) -> Result<Committed> {
        let EncodedCommit { names, size, writes } = EncodedCommit::new(mutations)?;
        let Self { database, steps, outcome } = self;
        steps.send(Step::Commit(writes)).await.map_err(|_| ended("commit"))?;
        let call = Call::Commit { names: &names, size };
        let limit = database.options().commit_timeout;
        let outcome = async { outcome.await.unwrap_or_else(|_| Err(cancelled())) };
        committed(database.call(call, limit, outcome).await?)
    }

    /// Rolls the transaction back and waits until its locks are released, at most for the time limit of a call.
    pub async fn rollback(self) {
        drop(self.steps);
        // Whatever the outcome, the transaction has committed nothing.
        let _ = self.outcome.await;
    }
}

enum Step {
    Read(Read, oneshot::Sender<Result<Vec<Vec<Value>>>>),
    Commit(Vec<WireMutation>),
}

/// The transaction in its task. The client library runs a transaction as a closure; this one waits for the next step from the
/// handle.
struct Attempt {
    database: Database,
    steps: mpsc::Receiver<Step>,
}

impl Attempt {
    async fn run(self, runner: TransactionRunner) -> Outcome {
        // The runner makes only one attempt; a second one would find nothing to do.
        let mut only = Some(self);
        let work = move |transaction: ReadWriteTransaction| -> BoxFuture<'static, _> {
            let attempt = only.take();
            Box::pin(async move {
                let attempt = attempt.ok_or_else(cancelled)?;
                transaction.buffer(attempt.writes(&transaction).await?)
            })
        };
        runner.run(work).await.map(|result| result.commit_response)
    }

    /// Answers reads until the commit step. After an error the library rolls the transaction back.
    async fn writes(
        mut self,
        transaction: &ReadWriteTransaction,
    ) -> std::result::Result<Vec<WireMutation>, ClientError> {
        loop {
            match self.steps.recv().await.ok_or_else(cancelled)? {
                Step::Commit(writes) => return Ok(writes),
                Step::Read(read, reply) => {
                    let (request, expected) = read.in_read_write().split(self.database.options());
                    let rows = expected.rows(&self.database, transaction.execute_read(request)).await;
                    let error = rows.as_ref().err().map(Error::kind);
                    let delivered = reply.send(rows).is_ok();
                    match error {
                        None if delivered => {}
                        None | Some(ErrorKind::Aborted) => return Err(cancelled()),
                        Some(_) => return Err(status(Code::Unknown, "a read failed")),
                    }
                }
            }
        }
    }
}

/// True if the session can serve another transaction. After other errors the session itself may no longer exist.
fn is_session_reusable(outcome: &Outcome) -> bool {
    let code = outcome.as_ref().err().and_then(|error| error.status()).map(|status| status.code);
    outcome.is_ok() || matches!(code, Some(Code::Aborted | Code::Cancelled))
}

fn ended(action: &'static str) -> Error {
    Error::new(ErrorKind::Aborted, action, "the transaction has ended with an earlier error")
}

fn cancelled() -> ClientError {
    status(Code::Cancelled, "cancelled")
}

fn status(code: Code, message: &str) -> ClientError {
    ClientError::service(Status::default().set_code(code).set_message(message))
}

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

use crate::commit::{Batch, CommitOptions, Committed, committed};
use crate::database::Database;
use crate::error::{Call, Error, ErrorKind, Result};
use crate::range::{KeyRange, of_keys, of_ranges};
use crate::read::Read;

impl Database {
    /// A read-write transaction: one attempt, which the first read begins.
    ///
    /// Spanner aborts one that does nothing for ten seconds
    /// (<https://cloud.google.com/spanner/docs/transactions#idle_transactions>).
    ///
    /// # Errors
    /// Those of [`Database::connect`], for its session.
    pub async fn begin(&self, options: CommitOptions<'_>) -> Result<ReadWrite> {
        let client = self.take_session().await?;
        let limit = self.options().attempt_timeout;
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
        let (steps, receiver) = mpsc::channel(1);
        let (sender, outcome) = oneshot::channel();
        let attempt = Attempt { database: self.clone(), steps: receiver };
        let (database, runner) = (self.clone(), builder.build());
        tokio::spawn(async move {
            let outcome = attempt.run(runner).await;
            if well(&outcome) {
                database.give_back_session(client);
            }
            // Nobody listens to a transaction that was dropped, or a commit that was left in doubt.
            let _ = sender.send(outcome);
        });
        Ok(ReadWrite { database: self.clone(), steps, outcome })
    }
}

type Outcome = std::result::Result<CommitResponse, ClientError>;

/// A read-write transaction. What it has read stays as it is until it ends: another transaction that
/// writes those rows waits, or one of the two is aborted.
///
/// It lives in a task of its own, so that a caller that goes away in the middle of a call leaves no locks
/// behind: to drop it is to roll it back, within
/// [`Options::attempt_timeout`](crate::Options::attempt_timeout) after a call that is under way. An error
/// ends it; what is called after that is answered with [`ErrorKind::Aborted`].
#[derive(Debug)]
pub struct ReadWrite {
    database: Database,
    steps: mpsc::Sender<Step>,
    outcome: oneshot::Receiver<Outcome>,
}

impl ReadWrite {
    /// The rows of these primary keys, in the order of the key, locked; a row that is missing is left out,
    /// and its absence is locked.
    ///
    /// # Errors
    /// One attempt, no retry; see [`ErrorKind`]. `Aborted` when another transaction was in the way.
    pub async fn read(
        &mut self,
        table: &str,
        columns: &[(String, Type)],
        keys: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(Read::new(table, columns, of_keys(keys))).await
    }

    /// The rows of all these ranges, each once, in the order of the key, locked as a whole: nothing can be
    /// inserted into them either.
    ///
    /// # Errors
    /// As [`ReadWrite::read`]; [`ErrorKind::TooLarge`] when there are more than `most`.
    pub async fn read_ranges(
        &mut self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        most: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(Read::new(table, columns, of_ranges(ranges)).at_most(most)).await
    }

    async fn run(&mut self, read: Read) -> Result<Vec<Vec<Value>>> {
        let (reply, answer) = oneshot::channel();
        self.steps.send(Step::Read(read, reply)).await.map_err(|_| ended("read"))?;
        answer.await.map_err(|_| ended("read"))?
    }

    /// Commits these mutations, if everything that was read is still as it was.
    ///
    /// Dropping the future leaves the commit in doubt.
    ///
    /// # Errors
    /// One attempt, no retry; see [`ErrorKind`]. Only `InDoubt` leaves the outcome open.
    pub async fn commit(self, mutations: Vec<Mutation>) -> Result<Committed> {
        let Batch { names, size, writes } = Batch::new(mutations)?;
        let Self { database, steps, outcome } = self;
        steps.send(Step::Commit(writes)).await.map_err(|_| ended("commit"))?;
        let call = Call::Commit { names: &names, size };
        let limit = database.options().attempt_timeout;
        let outcome = async { outcome.await.unwrap_or_else(|_| Err(given_up())) };
        committed(database.call(call, limit, outcome).await?)
    }

    /// Gives the transaction up and waits until its locks are released, or as long as a call may take.
    pub async fn rollback(self) {
        drop(self.steps);
        // Whatever comes of it, the transaction has committed nothing.
        let _ = self.outcome.await;
    }
}

enum Step {
    Read(Read, oneshot::Sender<Result<Vec<Vec<Value>>>>),
    Commit(Vec<WireMutation>),
}

/// The task's side of a transaction. The client library runs a transaction as a closure; this one waits
/// for the handle to say what comes next.
struct Attempt {
    database: Database,
    steps: mpsc::Receiver<Step>,
}

impl Attempt {
    async fn run(self, runner: TransactionRunner) -> Outcome {
        // A second attempt, which the runner is told not to make, would find nothing to do.
        let mut only = Some(self);
        let work = move |transaction: ReadWriteTransaction| -> BoxFuture<'static, _> {
            let attempt = only.take();
            Box::pin(async move {
                let attempt = attempt.ok_or_else(given_up)?;
                transaction.buffer(attempt.writes(&transaction).await?)
            })
        };
        runner.run(work).await.map(|result| result.commit_response)
    }

    /// Answers reads until a commit is asked for. The library answers an error with a rollback.
    async fn writes(
        mut self,
        transaction: &ReadWriteTransaction,
    ) -> std::result::Result<Vec<WireMutation>, ClientError> {
        loop {
            match self.steps.recv().await.ok_or_else(given_up)? {
                Step::Commit(writes) => return Ok(writes),
                Step::Read(read, reply) => {
                    let (request, expected) = read.split(self.database.options().read_timeout);
                    let rows = expected.rows(&self.database, transaction.execute_read(request)).await;
                    let error = rows.as_ref().err().map(Error::kind);
                    let heard = reply.send(rows).is_ok();
                    match error {
                        None if heard => {}
                        None | Some(ErrorKind::Aborted) => return Err(given_up()),
                        Some(_) => return Err(status(Code::Unknown, "a read failed")),
                    }
                }
            }
        }
    }
}

/// Whether the session can serve another transaction. After an error it may be the session that is gone.
fn well(outcome: &Outcome) -> bool {
    let code = outcome.as_ref().err().and_then(|error| error.status()).map(|status| status.code);
    outcome.is_ok() || matches!(code, Some(Code::Aborted | Code::Cancelled))
}

fn ended(action: &'static str) -> Error {
    Error::new(ErrorKind::Aborted, action, "the transaction has ended with an earlier error")
}

fn given_up() -> ClientError {
    status(Code::Cancelled, "given up")
}

fn status(code: Code, message: &str) -> ClientError {
    ClientError::service(Status::default().set_code(code).set_message(message))
}

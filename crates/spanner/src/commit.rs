//! Commits without a preceding transaction.

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::key::{Key, KeySet};
use google_cloud_spanner::model::CommitResponse;
use google_cloud_spanner::model::commit_response::CommitStats;
use google_cloud_spanner::mutation::{Mutation as WireMutation, WriteBuilder};
use google_cloud_spanner::transaction::BasicTransactionRetryPolicy;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};

use crate::database::Database;
use crate::error::{Call, Error, Names, Result};
use crate::wire::{encode, protocol_timestamp};

/// The options of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitOptions<'a> {
    /// The transaction tag, of which Spanner keeps 50 characters.
    pub tag: Option<&'a str>,
    /// Asks for [`Committed::mutation_count`].
    pub stats: bool,
    /// Leaves the commit out of all change streams whose `allow_txn_exclusion` is on.
    pub exclude: bool,
}

/// The result of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The commit timestamp, from TrueTime.
    pub timestamp: Timestamp,
    /// The mutations that Spanner counted, including those of indexes, if [`CommitOptions::stats`] is set
    /// (<https://cloud.google.com/spanner/docs/commit-statistics>). The emulator does not count.
    pub mutation_count: Option<u64>,
}

impl Database {
    /// Commits these mutations atomically, in one RPC without a preceding transaction.
    ///
    /// Spanner may execute such a commit more than once
    /// (<https://cloud.google.com/spanner/docs/modify-mutation-api>), so the mutations
    /// themselves must make a second execution fail, as those of the position row do.
    ///
    /// Dropping the future leaves the commit in doubt.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind). There is one attempt and no retry. Only `InDoubt` leaves the outcome unknown.
    pub async fn commit(&self, mutations: Vec<Mutation>, options: CommitOptions<'_>) -> Result<Committed> {
        let EncodedCommit { names, size, writes } = EncodedCommit::new(mutations)?;
        let limit = self.options().commit_timeout;
        let mut transaction = self
            .client()
            .write_only_transaction()
            .with_commit_attempt_timeout(limit)
            .with_commit_retry_policy(NeverRetry)
            .with_retry_policy(BasicTransactionRetryPolicy::new().with_max_attempts(1))
            .set_return_commit_stats(options.stats)
            .set_exclude_txn_from_change_streams(options.exclude);
        if let Some(tag) = options.tag {
            transaction = transaction.set_transaction_tag(tag);
        }
        if let Some(priority) = self.options().priority {
            transaction = transaction.set_commit_priority(priority.wire());
        }
        if let Some(delay) = self.options().wire_commit_delay()? {
            transaction = transaction.set_max_commit_delay(delay);
        }
        let call = Call::Commit { names: &names, size };
        committed(self.call(call, limit, transaction.build().write_at_least_once(writes)).await?)
    }
}

/// The encoded mutations of one commit, and the names that its error may mention.
pub(crate) struct EncodedCommit {
    pub(crate) names: Names,
    /// The approximate size of all values, in bytes.
    pub(crate) size: usize,
    pub(crate) writes: Vec<WireMutation>,
}

impl EncodedCommit {
    pub(crate) fn new(mutations: Vec<Mutation>) -> Result<Self> {
        let names = Names::new(
            mutations.iter().map(|mutation| &*mutation.table),
            mutations.iter().flat_map(|mutation| mutation.columns.iter().map(String::as_str)),
        );
        let size =
            mutations.iter().flat_map(|mutation| mutation.rows.iter().flatten()).map(Value::size).sum();
        Ok(Self { names, size, writes: writes(mutations)? })
    }
}

/// Reads the response of a commit.
pub(crate) fn committed(answer: CommitResponse) -> Result<Committed> {
    let timestamp = answer.commit_timestamp.and_then(protocol_timestamp);
    let timestamp = timestamp.ok_or_else(|| Error::bug("commit", "the commit response has no timestamp"))?;
    let count = |stats: CommitStats| u64::try_from(stats.mutation_count).ok();
    Ok(Committed { timestamp, mutation_count: answer.commit_stats.and_then(count) })
}

/// Encodes the mutations for the client library, which takes one row in each write and all keys in one delete.
fn writes(mutations: Vec<Mutation>) -> Result<Vec<WireMutation>> {
    let rows = mutations.iter().map(|mutation| mutation.rows.len()).sum();
    let mut writes = Vec::with_capacity(rows);
    for Mutation { write, table, columns, rows } in mutations {
        if rows.iter().any(|row| row.len() != columns.len()) {
            return Err(Error::bug(
                "commit",
                format!("a row of table {table} does not have one value per column"),
            ));
        }
        let builder: fn(String) -> WriteBuilder = match write {
            Write::Insert => WireMutation::new_insert_builder,
            Write::Update => WireMutation::new_update_builder,
            Write::Upsert => WireMutation::new_insert_or_update_builder,
            Write::Delete => {
                let keys = rows.into_iter().map(key).fold(KeySet::builder(), |keys, key| keys.add_key(key));
                writes.push(WireMutation::delete(&*table, keys.build()));
                continue;
            }
        };
        for row in rows {
            let cells = columns.iter().zip(row);
            let start = builder(table.to_string());
            writes.push(
                cells
                    .fold(start, |write, (column, value)| write.set(column.as_str()).to(encode(value)))
                    .build(),
            );
        }
    }
    Ok(writes)
}

/// Encodes a primary key, or its first values.
pub(crate) fn key(values: Vec<Value>) -> Key {
    Key::new(values.into_iter().map(encode).collect())
}

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

/// What may be asked of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitOptions<'a> {
    /// The transaction tag, of which Spanner keeps 50 characters.
    pub tag: Option<&'a str>,
    /// Asks for [`Committed::mutation_count`].
    pub stats: bool,
    /// Leaves the commit out of all change streams whose `allow_txn_exclusion` is on.
    pub exclude: bool,
}

/// What a commit answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The commit timestamp: TrueTime's, unique to what it wrote in these rows.
    pub timestamp: Timestamp,
    /// The mutations that Spanner counted, those of indexes included, when they were asked for
    /// (<https://cloud.google.com/spanner/docs/commit-statistics>). The emulator counts none.
    pub mutation_count: Option<u64>,
}

impl Database {
    /// Commits these mutations atomically, in one RPC without a transaction before it.
    ///
    /// Spanner may execute such a commit more than once
    /// (<https://cloud.google.com/spanner/docs/modify-mutation-api>), so the mutations themselves must
    /// refuse the second time, as the position row's do.
    ///
    /// Dropping the future leaves the commit in doubt.
    ///
    /// # Errors
    /// One attempt, no retry; see [`ErrorKind`](crate::ErrorKind). Only `InDoubt` leaves the outcome open.
    pub async fn commit(&self, mutations: Vec<Mutation>, options: CommitOptions<'_>) -> Result<Committed> {
        let Batch { names, size, writes } = Batch::new(mutations)?;
        let limit = self.options().attempt_timeout;
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
        let call = Call::Commit { names: &names, size };
        committed(self.call(call, limit, transaction.build().write_at_least_once(writes)).await?)
    }
}

/// The mutations of one commit, and what its error may name.
pub(crate) struct Batch {
    pub(crate) names: Names,
    /// About how many bytes of values.
    pub(crate) size: usize,
    pub(crate) writes: Vec<WireMutation>,
}

impl Batch {
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

/// What the answer to a commit says.
pub(crate) fn committed(answer: CommitResponse) -> Result<Committed> {
    let timestamp = answer.commit_timestamp.and_then(protocol_timestamp);
    let timestamp = timestamp.ok_or_else(|| Error::bug("commit", "committed, but without a timestamp"))?;
    let count = |stats: CommitStats| u64::try_from(stats.mutation_count).ok();
    Ok(Committed { timestamp, mutation_count: answer.commit_stats.and_then(count) })
}

/// The client library's mutations: it takes one row in each write, all keys in one delete.
fn writes(mutations: Vec<Mutation>) -> Result<Vec<WireMutation>> {
    let rows = mutations.iter().map(|mutation| mutation.rows.len()).sum();
    let mut writes = Vec::with_capacity(rows);
    for Mutation { write, table, columns, rows } in mutations {
        if rows.iter().any(|row| row.len() != columns.len()) {
            return Err(Error::bug("commit", format!("a row of table {table} has not one value per column")));
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

/// A primary key, or its first values.
pub(crate) fn key(values: Vec<Value>) -> Key {
    Key::new(values.into_iter().map(encode).collect())
}

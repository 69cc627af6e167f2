use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::key::{Key, KeySet};
use google_cloud_spanner::mutation::{Mutation as WireMutation, WriteBuilder};
use google_cloud_spanner::transaction::BasicTransactionRetryPolicy;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};

use crate::database::Database;
use crate::error::{Call, Error, Names, Result};
use crate::wire::{encode, protocol_timestamp};

/// What a commit answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The commit timestamp: TrueTime's, unique to what it wrote in these rows.
    pub timestamp: Timestamp,
}

impl Database {
    /// Commits these mutations atomically, in one RPC without a transaction before it.
    ///
    /// Spanner may execute such a commit more than once
    /// (<https://cloud.google.com/spanner/docs/modify-mutation-api>), so the mutations themselves must
    /// refuse the second time, as the position row's do. `tag` becomes the transaction tag, of which
    /// Spanner keeps 50 characters.
    ///
    /// Dropping the future leaves the commit in doubt.
    ///
    /// # Errors
    /// One attempt, no retry; see [`ErrorKind`](crate::ErrorKind). Only `InDoubt` leaves the outcome open.
    pub async fn commit(&self, mutations: Vec<Mutation>, tag: Option<&str>) -> Result<Committed> {
        let names = Names::new(
            mutations.iter().map(|mutation| &*mutation.table),
            mutations.iter().flat_map(|mutation| mutation.columns.iter().map(String::as_str)),
        );
        let size =
            mutations.iter().flat_map(|mutation| mutation.rows.iter().flatten()).map(Value::size).sum();
        let call = Call::Commit { names: &names, size };
        let limit = self.options().attempt_timeout;
        let mut transaction = self
            .client()
            .write_only_transaction()
            .with_commit_attempt_timeout(limit)
            .with_commit_retry_policy(NeverRetry)
            .with_retry_policy(BasicTransactionRetryPolicy::new().with_max_attempts(1));
        if let Some(tag) = tag {
            transaction = transaction.set_transaction_tag(tag);
        }
        let writes = writes(mutations)?;
        let answer = self.call(call, limit, transaction.build().write_at_least_once(writes)).await?;
        let timestamp = answer.commit_timestamp.and_then(protocol_timestamp);
        let timestamp =
            timestamp.ok_or_else(|| Error::bug("commit", "committed, but without a timestamp"))?;
        Ok(Committed { timestamp })
    }
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

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::client::DatabaseClient;
use google_cloud_spanner::key::{KeyRange, KeySet};
use google_cloud_spanner::read::ReadRequest;
use google_cloud_spanner::result::ResultSet;
use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::commit::key;
use crate::database::Database;
use crate::error::{Call, Error, Names, Result};
use crate::wire::{decode, wire_timestamp};

impl Database {
    /// The rows of these primary keys, in the order of the key; a row that is missing is left out.
    ///
    /// A strong read: it sees every commit that was acknowledged before. Bounded by
    /// [`Options::read_timeout`](crate::Options::read_timeout); all rows are held in memory.
    pub async fn read(
        &self,
        table: &str,
        columns: &[(String, Type)],
        keys: Vec<Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>> {
        let keys = keys.into_iter().map(key).fold(KeySet::builder(), |keys, key| keys.add_key(key));
        self.read_keys(table, columns, keys.build(), TimestampBound::strong()).await
    }

    /// The rows whose primary key begins with `prefix`, in the order of the key; a strong read.
    pub async fn read_prefix(
        &self,
        table: &str,
        columns: &[(String, Type)],
        prefix: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>> {
        let prefix = key(prefix);
        let range = KeyRange::closed_closed(prefix.clone(), prefix);
        self.read_keys(table, columns, range.into(), TimestampBound::strong()).await
    }

    /// All rows, in the order of the key: at this instant, or strong. For tables that fit in memory.
    pub async fn read_all(
        &self,
        table: &str,
        columns: &[(String, Type)],
        at: Option<Timestamp>,
    ) -> Result<Vec<Vec<Value>>> {
        let bound = match at {
            Some(at) => TimestampBound::read_timestamp(wire_timestamp(at)?),
            None => TimestampBound::strong(),
        };
        self.read_keys(table, columns, KeySet::all(), bound).await
    }

    async fn read_keys(
        &self,
        table: &str,
        columns: &[(String, Type)],
        keys: KeySet,
        bound: TimestampBound,
    ) -> Result<Vec<Vec<Value>>> {
        let limit = self.options().read_timeout;
        let request = ReadRequest::builder(table, columns.iter().map(|(name, _)| name))
            .with_keys(keys)
            .with_attempt_timeout(limit)
            .with_retry_policy(NeverRetry)
            .build();
        let client: DatabaseClient = self.client();
        let types: Vec<&Type> = columns.iter().map(|(_, ty)| ty).collect();
        let names = Names::new([table], columns.iter().map(|(name, _)| name.as_str()));
        let rows = self.call(Call::Keys(&names), limit, async {
            rows(client.single_use().set_timestamp_bound(bound).build().execute_read(request).await?, &types)
                .await
        });
        rows.await?
    }
}

/// All rows of a result.
pub(crate) async fn rows(
    mut result: ResultSet,
    types: &[&Type],
) -> std::result::Result<Result<Vec<Vec<Value>>>, google_cloud_spanner::Error> {
    let mut rows = Vec::new();
    while let Some(row) = result.next().await.transpose()? {
        let values = row.into_values();
        if values.len() != types.len() {
            let message = format!("{} columns came, {} were expected", values.len(), types.len());
            return Ok(Err(Error::bug("read", message)));
        }
        match values.into_iter().zip(types).map(|(value, ty)| decode(ty, value)).collect() {
            Ok(row) => rows.push(row),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(rows))
}

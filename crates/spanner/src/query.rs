//! Queries with small results.

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::statement::Statement;
use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::database::Database;
use crate::error::{Call, Error, Result};
use crate::read::rows;
use crate::wire::{encode, wire_type};

impl Database {
    /// Returns the rows of a query with named parameters, by a strong read. `columns` are the types of the result.
    /// PostgreSQL's parameters `$1`, `$2` are named `p1`, `p2`.
    ///
    /// Meant for `INFORMATION_SCHEMA` and small results; [`Database::read`] reads data by key.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn query(
        &self,
        sql: &str,
        params: &[(&str, Type, Value)],
        columns: &[Type],
    ) -> Result<Vec<Vec<Value>>> {
        self.query_at(sql, params, columns, TimestampBound::strong()).await
    }

    pub(crate) async fn query_at(
        &self,
        sql: &str,
        params: &[(&str, Type, Value)],
        columns: &[Type],
        bound: TimestampBound,
    ) -> Result<Vec<Vec<Value>>> {
        let limit = self.options().read_timeout;
        let builder = Statement::builder(sql).with_attempt_timeout(limit).with_retry_policy(NeverRetry);
        let builder = self.options().apply_to_query(builder);
        let statement = params.iter().fold(builder, |builder, (name, ty, value)| {
            builder.add_typed_param(*name, encode(value.clone()), wire_type(ty))
        });
        let transaction = self.client().single_use().set_timestamp_bound(bound).build();
        let types: Vec<&Type> = columns.iter().collect();
        let rows = self.call(Call::Read("query"), limit, async {
            rows(transaction.execute_query(statement.build()).await?, &types).await
        });
        rows.await?
    }

    /// Returns the time of Spanner's clock.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn now(&self) -> Result<Timestamp> {
        let rows = self.query("SELECT CURRENT_TIMESTAMP", &[], &[Type::Timestamp]).await?;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Timestamp(now)) => Ok(*now),
            _ => Err(Error::bug("query", "CURRENT_TIMESTAMP did not return a timestamp")),
        }
    }
}

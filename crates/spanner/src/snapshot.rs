use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::catalog::quoted;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::range::{KeyRange, of_ranges};
use crate::read::Read;
use crate::wire::wire_timestamp;

/// The database as it was at one instant. It can be read for as long as Spanner keeps old versions of rows: an
/// hour, unless the database's `version_retention_period` is longer.
#[derive(Debug, Clone)]
pub struct Snapshot {
    database: Database,
    at: Timestamp,
}

impl Database {
    /// The database as it is now by Spanner's clock.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.snapshot_at(self.now().await?))
    }

    /// The database as it was at that instant.
    pub fn snapshot_at(&self, at: Timestamp) -> Snapshot {
        Snapshot { at, database: self.clone() }
    }
}

impl Snapshot {
    /// Its instant.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// As [`Database::read_ranges`].
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) when there are more than `most`.
    pub async fn read_ranges(
        &self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        most: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.read(Read::new(table, columns, of_ranges(ranges)).at_most(most)).await
    }

    /// As [`Database::read_page`].
    pub async fn read_page(
        &self,
        table: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.read(Read::new(table, columns, of_ranges(vec![range])).first(rows)).await
    }

    /// The primary keys of so many rows at random, or of all when there are fewer, in the order of the key. Every key is
    /// looked at. Nothing in the PostgreSQL dialect, which cannot draw a number of rows, and nothing of a table of one row,
    /// whose key has no columns.
    ///
    /// `key` are the columns of the primary key, each with whether it descends.
    /// Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/query-syntax#tablesample_operator>.
    pub async fn sample_keys(
        &self,
        table: &str,
        key: &[(String, Type, bool)],
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        if key.is_empty() || self.database.dialect().await? == Dialect::PostgreSql {
            return Ok(Vec::new());
        }
        let names: Vec<String> = key.iter().map(|(name, ..)| quoted(name)).collect();
        let order = key.iter().zip(&names);
        let order =
            order.map(|((.., descends), name)| format!("{name}{}", if *descends { " DESC" } else { "" }));
        let order: Vec<String> = order.collect();
        let sql = format!(
            "SELECT {} FROM {} TABLESAMPLE RESERVOIR ({rows} ROWS) ORDER BY {}",
            names.join(", "),
            quoted(table),
            order.join(", ")
        );
        let types: Vec<Type> = key.iter().map(|(_, ty, _)| ty.clone()).collect();
        self.database.query_at(&sql, &[], &types, self.bound()?).await
    }

    pub(crate) fn bound(&self) -> Result<TimestampBound> {
        Ok(TimestampBound::read_timestamp(wire_timestamp(self.at)?))
    }

    async fn read(&self, read: Read) -> Result<Vec<Vec<Value>>> {
        self.database.read_at(read, self.bound()?).await
    }
}

use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::database::Database;
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

    pub(crate) fn bound(&self) -> Result<TimestampBound> {
        Ok(TimestampBound::read_timestamp(wire_timestamp(self.at)?))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, read: Read) -> Result<Vec<Vec<Value>>> {
        self.database.read_at(read, self.bound()?).await
    }
}

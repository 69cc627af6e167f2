//! Reads of a database as of one timestamp.

use google_cloud_spanner::transaction::TimestampBound;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::database::Database;
use crate::error::Result;
use crate::range::{KeyRange, range_key_set};
use crate::read::Read;
use crate::wire::wire_timestamp;

/// The database as of one timestamp. It can be read for as long as Spanner retains old versions of rows: one hour, or the
/// database's `version_retention_period`.
#[derive(Debug, Clone)]
pub struct Snapshot {
    database: Database,
    at: Timestamp,
}

impl Database {
    /// Returns the database as of the present time of Spanner's clock.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.snapshot_at(self.now().await?))
    }

    /// Returns the database as of the timestamp `at`.
    pub fn snapshot_at(&self, at: Timestamp) -> Snapshot {
        Snapshot { at, database: self.clone() }
    }
}

impl Snapshot {
    /// Returns the timestamp.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Reads like [`Database::read_ranges`], as of the timestamp.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) for more than `max_rows` rows.
    pub async fn read_ranges(
        &self,
        table: &str,
        columns: &[(String, Type)],
        ranges: Vec<KeyRange>,
        max_rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.read(Read::new(table, columns, range_key_set(ranges)).limited_to(max_rows)).await
    }

    /// Reads like [`Database::read_page`], as of the timestamp.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn read_page(
        &self,
        table: &str,
        columns: &[(String, Type)],
        range: KeyRange,
        rows: usize,
    ) -> Result<Vec<Vec<Value>>> {
        self.read(Read::new(table, columns, range_key_set(vec![range])).first(rows)).await
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

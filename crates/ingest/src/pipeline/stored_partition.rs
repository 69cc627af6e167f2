//! The stored rows of a partition: its registration and its position.
//!
//! [`RequestRunner`] reads them for the worker, when it looks for the position of a partition and when a commit was fenced.

use spanbridge_protocol::ingest::{
    Fingerprint, Partition, Position, Registration, StoredPartition, TABLE_PARTITIONS, TABLE_POSITIONS,
};
use spanbridge_protocol::value::{Type, Value};

use super::request::RequestError;
use super::request_runner::RequestRunner;
use crate::{ErrorKind, stored_position};

impl RequestRunner {
    /// Reads both rows of a partition as they are at one timestamp. Each change of the registration consumes the position,
    /// so the registration belongs to a position that is the same before and after.
    pub(super) async fn stored_partition(
        &self,
        partition: &Partition,
    ) -> Result<StoredPartition, RequestError> {
        let before = self.stored_position(partition).await?;
        let registration = self.registration(partition).await?;
        let position = self.stored_position(partition).await?;
        if before != position {
            return Err(RequestError::Retry(format!(
                "{partition}: its position has moved while it was read"
            )));
        }
        Ok(match (registration, position) {
            (Some(registration), Some(position)) => StoredPartition::Registered { position, registration },
            (Some(_), None) => StoredPartition::WithoutPosition,
            (None, None) => StoredPartition::Unregistered,
            (None, Some(_)) => {
                let message = format!("{partition} has a position, but no row in {TABLE_PARTITIONS}");
                return Err(RequestError::Fatal(ErrorKind::Refused, message));
            }
        })
    }

    /// Reads the position of a partition.
    pub(super) async fn stored_position(
        &self,
        partition: &Partition,
    ) -> Result<Option<Position>, RequestError> {
        let key = self.key(partition);
        let rows = self.database.read_prefix(TABLE_POSITIONS, &stored_position::columns(), key).await;
        let rows = self.spanner(rows)?;
        stored_position::parse(partition, &rows).map_err(|why| RequestError::Fatal(ErrorKind::Refused, why))
    }

    /// Reads the row of a partition.
    async fn registration(&self, partition: &Partition) -> Result<Option<Registration>, RequestError> {
        let columns = [
            ("FirstOffset", Type::Int64),
            ("FirstRecordOffset", Type::Int64),
            ("FirstRecordDigest", Type::Bytes),
        ]
        .map(|(name, ty)| (name.to_owned(), ty));
        let rows = self.database.read(TABLE_PARTITIONS, &columns, vec![self.key(partition)]).await;
        let rows = self.spanner(rows)?;
        let Some([start, first_offset, first_digest]) = rows.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        let start = if let Value::Int64(start) = start { Some(*start) } else { None };
        let first_record = Fingerprint::from_columns(first_offset, first_digest);
        Ok(Some(Registration { start, first_record }))
    }

    fn key(&self, partition: &Partition) -> Vec<Value> {
        stored_position::partition_key(&self.mapper.spec.pipeline, partition)
    }
}

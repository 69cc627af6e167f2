//! `spanbridge positions set`: an operator sets the position of a partition.
//!
//! It is the answer where a partition stops because nothing tells where to continue: "Gap in the log"
//! (docs/design/ingest-positions.md). The commit consumes the stored position as a worker's commit does, so a worker that
//! still runs is fenced and reads the new position.

use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{
    LogRange, Offset, Partition, TABLE_PARTITIONS, TABLE_POSITIONS, restore_position, set_position,
};
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_spanner::{Database, KeyRange, ReadWrite};

use crate::version::transaction::transact;
use crate::{Error, ErrorKind, partition_log, stored_position};

/// The most positions of a partition that are read. It must have one.
const MAX_POSITIONS: usize = 10;

/// The result of [`set`].
#[derive(Debug)]
pub struct SetPosition {
    /// The next offset before; `None` if the position was missing.
    pub from: Option<Offset>,
    /// The offsets that the log holds.
    pub log: LogRange,
}

/// Sets the position of a registered partition to `to`. The pipeline is named by its identity.
///
/// # Errors
/// The partition is not registered, the log does not hold the offset, or Spanner or Kafka does not answer.
pub async fn set(
    database: &Database,
    offsets: &Offsets,
    pipeline: &str,
    partition: &Partition,
    to: Offset,
) -> Result<SetPosition, Error> {
    let log = partition_log::range(offsets, partition).await?;
    if !log.contains(to) {
        let message =
            format!("{partition}: the log holds the offsets from {} up to {}, not {to}", log.start, log.end);
        return Err(Error::new(ErrorKind::SetPosition, pipeline, message));
    }
    // If the log starts at the position, the next record is the first one.
    let start = (to == log.start).then_some(to);
    let now = database.now().await?;
    let from = transact(database, async |transaction: &mut ReadWrite| {
        let key = stored_position::partition_key(pipeline, partition);
        let number = [("KafkaPartition".to_owned(), Type::Int64)];
        if transaction.read(TABLE_PARTITIONS, &number, vec![key.clone()]).await?.is_empty() {
            let message =
                format!("{partition} has no row in {TABLE_PARTITIONS}: no worker has registered it");
            return Err(Error::new(ErrorKind::SetPosition, pipeline, message));
        }
        let (columns, range) = (stored_position::columns(), KeyRange::prefix(key));
        let rows = transaction.read_ranges(TABLE_POSITIONS, &columns, vec![range], MAX_POSITIONS).await?;
        let stored = stored_position::parse(partition, &rows)
            .map_err(|why| Error::new(ErrorKind::Refused, pipeline, why))?;
        let mutations = match stored {
            Some(from) => set_position(pipeline, partition, from, to, start),
            None => restore_position(pipeline, partition, to, unused_revision(now), start),
        };
        Ok((mutations, stored.map(|position| position.next)))
    });
    Ok(SetPosition { from: from.await?, log })
}

/// Returns a revision that the partition has never had: revisions start at 0 and grow by one, and no worker makes a
/// million of them in a second.
fn unused_revision(now: Timestamp) -> i64 {
    now.timestamp_micros()
}

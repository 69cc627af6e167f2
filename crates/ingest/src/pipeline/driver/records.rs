//! Records on their way to the worker: polled ones, and dead letters that are replayed.

use std::sync::Arc;
use std::time::Duration;

use spanbridge_kafka::Record as KafkaRecord;
use spanbridge_protocol::ingest::{Change, Failure, Partition, Record};
use tokio::time::timeout;

use super::super::evolution::NewFields;
use super::super::kafka_payload::KafkaPayload;
use crate::Error;
use crate::dead_letters::DeadLetterProtection;
use crate::mapping::{MapError, Mapper};

/// The longest time that one record may wait for its schema in the driver's loop, in which the other partitions wait too.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of mapping polled records.
pub(super) struct MappedRecords {
    /// The records with their changes.
    pub(super) mapped: Vec<Record<KafkaPayload>>,
    /// The record that needs a schema which the registry does not deliver, and the reason. Later records are not mapped.
    pub(super) held: Option<(KafkaRecord, String)>,
}

/// Maps records until a writer has fields that the mapping does not know.
pub(super) struct RecordMapper {
    mapper: Arc<Mapper>,
    protection: Arc<DeadLetterProtection>,
    new_fields: Option<NewFields>,
}

impl RecordMapper {
    pub(super) fn new(mapper: Arc<Mapper>, protection: Arc<DeadLetterProtection>) -> Self {
        Self { mapper, protection, new_fields: None }
    }

    /// Returns true after a writer with new fields. No more records are taken, and those before it are committed.
    pub(super) fn has_new_fields(&self) -> bool {
        self.new_fields.is_some()
    }

    pub(super) fn take_new_fields(&mut self) -> Option<NewFields> {
        self.new_fields.take()
    }

    /// Returns the mapper.
    pub(super) fn mapper(&self) -> &Arc<Mapper> {
        &self.mapper
    }

    /// Returns the records with their changes, up to the first that needs another mapping, or a schema that the registry
    /// does not deliver. A record with a failure has no changes.
    ///
    /// # Errors
    /// The registry refuses for good.
    pub(super) async fn map(
        &mut self,
        partition: &Partition,
        records: impl IntoIterator<Item = (KafkaRecord, Option<Failure>)>,
    ) -> Result<MappedRecords, Error> {
        let mut mapped = Vec::new();
        for (record, failure) in records {
            if let Some(failure) = failure {
                mapped.push(self.mapped(record, Err(failure)));
                continue;
            }
            let changes = match timeout(SCHEMA_TIMEOUT, self.mapper.map(partition, &record)).await {
                Ok(Ok(changes)) => Ok(changes),
                Ok(Err(MapError::Record(failure))) => Err(failure),
                Ok(Err(MapError::NewFields { target, writer })) => {
                    self.new_fields = Some(NewFields { target, writer: *writer });
                    return Ok(MappedRecords { mapped, held: None });
                }
                Ok(Err(MapError::Stop(kind, message))) => {
                    return Err(Error::new(kind, &self.mapper.spec.pipeline, message));
                }
                Ok(Err(MapError::Unavailable(message))) => {
                    return Ok(MappedRecords { mapped, held: Some((record, message)) });
                }
                Err(_) => {
                    let message = "the schema registry has not answered yet".to_owned();
                    return Ok(MappedRecords { mapped, held: Some((record, message)) });
                }
            };
            mapped.push(self.mapped(record, changes));
        }
        Ok(MappedRecords { mapped, held: None })
    }

    /// Returns a record with its changes, as the worker takes it.
    fn mapped(&self, record: KafkaRecord, changes: Result<Vec<Change>, Failure>) -> Record<KafkaPayload> {
        let (offset, size) = (record.offset, record.size());
        let payload = KafkaPayload { record, protection: Arc::clone(&self.protection) };
        Record { offset, changes, payload, size }
    }
}

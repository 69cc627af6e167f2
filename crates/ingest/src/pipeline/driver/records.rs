//! Records on their way to the worker: polled ones, and dead letters that are replayed.

use std::sync::Arc;

use spanbridge_kafka::Record as KafkaRecord;
use spanbridge_protocol::ingest::{Partition, Record};
use spanbridge_service::{Part, PipelineHealth};
use spanbridge_telemetry::admin::Heartbeat;
use tokio_util::sync::CancellationToken;

use super::super::RETRY_BACKOFF;
use super::super::evolution::NewFields;
use super::super::kafka_payload::KafkaPayload;
use crate::Error;
use crate::mapping::{MapError, Mapper};

/// Maps records until a writer has fields that the mapping does not know.
pub(super) struct RecordMapper {
    mapper: Arc<Mapper>,
    new_fields: Option<NewFields>,
}

impl RecordMapper {
    pub(super) fn new(mapper: Arc<Mapper>) -> Self {
        Self { mapper, new_fields: None }
    }

    /// Returns true after a writer with new fields. No more records are taken, and those before it are committed.
    pub(super) fn has_new_fields(&self) -> bool {
        self.new_fields.is_some()
    }

    pub(super) fn take_new_fields(&mut self) -> Option<NewFields> {
        self.new_fields.take()
    }

    /// Returns the records with their changes, up to the first that needs another mapping.
    ///
    /// Retries while the registry does not answer. Returns `None` if the service shuts down meanwhile.
    ///
    /// # Errors
    /// The registry refuses for good.
    pub(super) async fn map(
        &mut self,
        partition: &Partition,
        records: Vec<KafkaRecord>,
        health: &PipelineHealth,
        heartbeat: &Heartbeat,
        shutdown: &CancellationToken,
    ) -> Result<Option<Vec<Record<KafkaPayload>>>, Error> {
        let mut mapped = Vec::with_capacity(records.len());
        for record in records {
            let mut backoff = RETRY_BACKOFF;
            let changes = loop {
                match self.mapper.map(partition, &record).await {
                    Ok(changes) => break Ok(changes),
                    Err(MapError::Record(failure)) => break Err(failure),
                    Err(MapError::NewFields { target, writer }) => {
                        self.new_fields = Some(NewFields { target, writer: *writer });
                        return Ok(Some(mapped));
                    }
                    Err(MapError::Stop(kind, message)) => {
                        return Err(Error::new(kind, &self.mapper.spec.pipeline, message));
                    }
                    Err(MapError::Unavailable(message)) => {
                        health.failed(Part::Registry, &message);
                        heartbeat.beat();
                        tokio::select! {
                            () = tokio::time::sleep(backoff.next_pause()) => {}
                            () = shutdown.cancelled() => return Ok(None),
                        }
                    }
                }
            };
            if backoff.failures() > 0 {
                health.answered(Part::Registry);
            }
            let size = record.size();
            mapped.push(Record { offset: record.offset, changes, payload: KafkaPayload(record), size });
        }
        Ok(Some(mapped))
    }
}

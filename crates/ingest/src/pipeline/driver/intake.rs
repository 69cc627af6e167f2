//! Records on their way in: those that were polled, and dead letters that are replayed.

use std::time::Instant;

use spanbridge_kafka::Record as KafkaRecord;
use spanbridge_protocol::ingest::{Partition, Record};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::super::batch_trace::BatchTrace;
use super::super::evolution::Met;
use super::super::requests::{Backoff, Request};
use super::super::source::Source;
use super::Driver;
use crate::mapping::Fault;
use crate::{Error, ErrorKind};

impl Driver {
    pub(super) async fn records(
        &mut self,
        partition: Partition,
        generation: u64,
        records: Vec<KafkaRecord>,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        let since = self.polling_since;
        let trace = self.traces.collect(|| BatchTrace::new(&self.pipeline, &self.group, since));
        trace.polled(&records, since);
        self.observer.polled(&partition, &records);
        let span = trace.decode();
        let Some(decoded) = self.mapped(&partition, records, shutdown).instrument(span).await? else {
            // The loop is about to leave; what was polled is polled again.
            return Ok(());
        };
        self.folding_since = Instant::now();
        let now = self.now();
        self.worker.add_records(&partition, generation, decoded, now);
        self.show_ready();
        Ok(())
    }

    /// Looks for dead letters to replay, where those found before are done.
    pub(super) fn ask_for_replays(&mut self) {
        for (partition, (generation, _)) in &self.fetches {
            if self.worker.accepts_replays(partition, *generation) && self.replays.insert(partition.clone()) {
                let (partition, generation) = (partition.clone(), *generation);
                self.requests.ask(Request::Replays { partition, generation });
            }
        }
    }

    pub(super) async fn replays(
        &mut self,
        partition: &Partition,
        generation: u64,
        records: Vec<KafkaRecord>,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        self.replays.remove(partition);
        if records.is_empty() || self.met.is_some() {
            return Ok(());
        }
        tracing::info!(pipeline = %self.pipeline, %partition, count = records.len(), "replaying dead letters");
        if let Some(mapped) = self.mapped(partition, records, shutdown).await? {
            let now = self.now();
            self.worker.add_replays(partition, generation, mapped, now);
        }
        Ok(())
    }

    /// Records with what they change, up to the first that needs another mapping; nothing when the service is told to
    /// end while the registry is silent.
    async fn mapped(
        &mut self,
        partition: &Partition,
        records: Vec<KafkaRecord>,
        shutdown: &CancellationToken,
    ) -> Result<Option<Vec<Record<Source>>>, Error> {
        let mut mapped = Vec::with_capacity(records.len());
        for record in records {
            let mut backoff = Backoff::default();
            let changes = loop {
                match self.mapper.map(partition, &record).await {
                    Ok(changes) => break Ok(changes),
                    Err(Fault::Record(failure)) => break Err(failure),
                    Err(Fault::NewFields { target, writer }) => {
                        self.met = Some(Met { target, writer: *writer });
                        return Ok(Some(mapped));
                    }
                    Err(Fault::Stop(error)) => return Err(self.error(ErrorKind::Refused, error)),
                    Err(Fault::Unavailable(error)) => {
                        tracing::warn!(%error, "the registry does not answer; trying again");
                        self.ready.set_not_ready(error);
                        self.heartbeat.beat();
                        tokio::select! {
                            () = backoff.pause() => {}
                            () = shutdown.cancelled() => return Ok(None),
                        }
                    }
                }
            };
            let size = record.size();
            mapped.push(Record { offset: record.offset, changes, payload: Source(record), size });
        }
        Ok(Some(mapped))
    }
}

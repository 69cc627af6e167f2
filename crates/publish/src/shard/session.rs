//! The session of a shard with Kafka: from fencing the previous owner to the end of the producer.
//!
//! The session owns the transactional producer, the transaction in flight and the fetch of the state partition. It
//! hands state records and the ends of transactions to the state machine; it never decides when to commit.
//!
//! The rules behind it are "Fence before read" and "Data before state" (docs/design/publish-takeover.md).

use std::time::Duration;

use futures::future::FutureExt;
use spanbridge_kafka::{
    CommitReport, Error as KafkaError, FetchStart, Record, TransactionalOptions, TransactionalProducer,
};
use spanbridge_protocol::publish::KafkaTransaction;
use spanbridge_service::Part;

use super::context::ShardContext;
use super::inputs::StateEvent;
use super::operations::{Operation, OperationResult};
use super::outgoing_message::{Machine, OutgoingMessage};
use super::run_end::RunEnd;
use super::state;
use super::transaction_report::TransactionReport;
use crate::metrics::TransactionOutcome;
use crate::pipeline::Pipeline;

/// How long a transaction may stay open before the coordinator aborts it, unless `transaction.timeout.ms` is set in
/// the file.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one init or commit may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The Kafka session of one run.
pub(super) struct ShardSession {
    context: ShardContext,
    /// The fenced producer, except while its transaction is in flight.
    producer: Option<TransactionalProducer>,
    is_committing: bool,
    /// The generation of this run's fetch, once it is known.
    generation: Option<u64>,
    /// Records that arrived before the generation was known.
    early_records: Vec<(u64, Vec<Record>)>,
}

impl ShardSession {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { context, producer: None, is_committing: false, generation: None, early_records: Vec::new() }
    }

    /// Reads the shard's partition of the state topic from its start, after the pause. The operation fails when the
    /// group no longer assigns the partition: otherwise this worker would fence the rightful owner.
    pub(super) fn fetch_state(&self, pause: Duration) -> Operation {
        let (pipeline, partition) =
            (self.context.pipeline.clone(), self.context.pipeline.partition(self.context.index));
        async move {
            tokio::time::sleep(pause).await;
            let fetch = pipeline.subscription.fetch_from(&partition, FetchStart::Beginning).await;
            OperationResult::StateFetchStarted(fetch)
        }
        .boxed()
    }

    /// True once the state partition is being read.
    pub(super) fn is_fetching(&self) -> bool {
        self.generation.is_some()
    }

    /// Notes the generation of the fetch, and hands in the records of it that came early.
    pub(super) fn fetch_started(
        &mut self,
        generation: Result<u64, KafkaError>,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let generation = generation.map_err(|error| self.context.end_of(error, "read the state"))?;
        self.generation = Some(generation);
        for (generation, records) in std::mem::take(&mut self.early_records) {
            self.hand_in(generation, &records, machine)?;
        }
        Ok(())
    }

    /// Hands state records to the state machine; keeps them while the generation is unknown.
    pub(super) fn state_event(&mut self, event: StateEvent, machine: &mut Machine) -> Result<(), RunEnd> {
        match event {
            StateEvent::Records { generation, records } if self.generation.is_none() => {
                self.early_records.push((generation, records));
                Ok(())
            }
            StateEvent::Records { generation, records } => self.hand_in(generation, &records, machine),
            StateEvent::Failed { generation, error }
                if generation.is_none() || generation == self.generation =>
            {
                Err(self.context.end_of(error, "read the state"))
            }
            // The error of a fetch that this run has replaced.
            StateEvent::Failed { .. } => Ok(()),
        }
    }

    fn hand_in(&self, generation: u64, records: &[Record], machine: &mut Machine) -> Result<(), RunEnd> {
        if self.generation != Some(generation) {
            return Ok(());
        }
        let context = &self.context;
        let (pipeline, shard) = (context.pipeline.name(), context.index);
        for record in records {
            let (key, value) = state::decode(pipeline, record).map_err(RunEnd::Failed)?;
            machine
                .apply_state(key, value, context.now())
                .map_err(|error| context.end_of_rejected(&error))?;
        }
        if machine.is_running() && !context.status.lock().is_running {
            let (tokens, waiting) = machine.token_counts();
            let mut status = context.status.lock();
            (status.is_running, status.reason) = (true, None);
            tracing::info!(pipeline, shard, tokens, waiting, "Shard running");
        }
        Ok(())
    }

    /// Creates a producer and fences the previous owner with it.
    pub(super) fn init_producer(&self) -> Operation {
        let (pipeline, shard) = (self.context.pipeline.clone(), self.context.index);
        async move { OperationResult::ProducerInitialised(init_producer(&pipeline, shard).await) }.boxed()
    }

    /// Keeps the producer, and gives the state machine the nonce of this ownership.
    pub(super) fn producer_initialised(
        &mut self,
        producer: Result<TransactionalProducer, KafkaError>,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let producer = producer.map_err(|error| self.context.end_of(error, "take the shard over"))?;
        self.producer = Some(producer);
        machine.begin_recovery(uuid::Uuid::new_v4().to_string().into());
        Ok(())
    }

    /// Starts a Kafka transaction, which takes the producer with it.
    pub(super) fn commit(
        &mut self,
        transaction: KafkaTransaction<OutgoingMessage>,
    ) -> Result<Operation, RunEnd> {
        let Some(producer) = self.producer.take() else {
            return Err(self.context.end_of_bug("a transaction without a producer"));
        };
        let (transaction, report) =
            TransactionReport::new(&self.context.pipeline, self.context.index, transaction)
                .map_err(RunEnd::Failed)?;
        let report = Box::new(report);
        self.is_committing = true;
        let commit =
            async move { OperationResult::Committed { result: producer.commit(transaction).await, report } };
        Ok(commit.boxed())
    }

    /// Takes the producer back after a certain success; any other outcome ends the run.
    pub(super) fn committed(
        &mut self,
        result: Result<(TransactionalProducer, CommitReport), KafkaError>,
        report: TransactionReport,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        let metrics = &self.context.pipeline.metrics;
        match result {
            Ok((producer, committed)) => {
                self.producer = Some(producer);
                self.is_committing = false;
                metrics.health.answered(Part::Kafka);
                report.committed(metrics, committed);
                machine.confirm_commit(self.context.now());
                Ok(())
            }
            Err(error) => {
                report.failed(metrics, TransactionOutcome::of(&error), error.code());
                Err(self.context.end_of(error, "commit a Kafka transaction"))
            }
        }
    }

    /// True while a transaction is in flight.
    pub(super) fn is_committing(&self) -> bool {
        self.is_committing
    }

    /// Ends the run when the client's state of an idle producer is in doubt.
    pub(super) fn check_idle_producer(&self) -> Result<(), RunEnd> {
        match self.producer.as_ref().and_then(TransactionalProducer::doubt) {
            Some(doubt) => {
                Err(RunEnd::Restart { reason: format!("the idle producer: {doubt}"), is_fenced: false })
            }
            None => Ok(()),
        }
    }

    /// Closes the producer when no transaction is in flight.
    pub(super) async fn close(&mut self) {
        if let Some(producer) = self.producer.take()
            && let Err(error) = producer.close().await
        {
            let (pipeline, shard) = (self.context.pipeline.name(), self.context.index);
            tracing::warn!(pipeline, shard, %error, "Producer could not be closed");
        }
    }
}

async fn init_producer(pipeline: &Pipeline, shard: u32) -> Result<TransactionalProducer, KafkaError> {
    let timeout = pipeline.kafka.milliseconds("transaction.timeout.ms")?.unwrap_or(TRANSACTION_TIMEOUT);
    let options = TransactionalOptions {
        transactional_id: format!("{}-{shard}", pipeline.name()),
        transaction_timeout: timeout,
        operation_timeout: OPERATION_TIMEOUT.min(timeout),
    };
    TransactionalProducer::init(&pipeline.kafka, &options).await
}

//! One run of a shard's state machine: the event loop that wires the components.

use std::time::Duration;

use futures::stream::StreamExt;
use spanbridge_protocol::publish::{Shard, Token, TokenEvent};
use spanbridge_service::Part;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::auxiliary_topics::PeriodicMessages;
use super::change_handler::ChangeHandler;
use super::commit_order::CommitOrder;
use super::context::ShardContext;
use super::effects::EffectHandler;
use super::incremental_snapshot::IncrementalSnapshotMonitor;
use super::inputs::{ShardInputs, StateEvent, StopRequest};
use super::operations::{OperationResult, Operations};
use super::outgoing_message::Machine;
use super::queries::{Queries, QueryEvent};
use super::root_query;
use super::run_end::RunEnd;
use super::session::ShardSession;
use super::snapshot_reader::SnapshotReader;
use super::token_events::{ReadChange, explain_refusal, token_event};
use crate::startup::REVOKE_TIMEOUT;

/// How often the status is updated, the idle producer is checked, and periodic messages are queued.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long the transaction in flight may take after the request to stop: a little less than the group waits.
const STOP_TIMEOUT: Duration = REVOKE_TIMEOUT.saturating_sub(Duration::from_secs(1));

/// One run: its producer, its queries and its view of the state begin and end with it.
pub(super) struct ShardRun {
    context: ShardContext,
    machine: Machine,
    operations: Operations,
    session: ShardSession,
    queries: Queries,
    commit_order: CommitOrder,
    changes: ChangeHandler,
    snapshots: SnapshotReader,
    incremental: IncrementalSnapshotMonitor,
    periodic: PeriodicMessages,
    /// Records of queries and commits since the last poll.
    signs_of_progress: u64,
    /// The request to stop, and when the run stops at the latest.
    stopping: Option<(Instant, StopRequest)>,
}

impl ShardRun {
    /// Starts to read the state, after the pause.
    pub(super) fn new(inputs: &ShardInputs, pause: Duration) -> Self {
        let context = ShardContext::new(inputs.pipeline.clone(), inputs.index, inputs.status.clone());
        let session = ShardSession::new(context.clone());
        let operations = Operations::new();
        operations.push(session.fetch_state(pause));
        Self {
            machine: Shard::new(context.pipeline.shard_config(context.index)),
            operations,
            session,
            queries: Queries::new(context.pipeline.read_ahead.clone()),
            commit_order: CommitOrder::new(context.clone()),
            changes: ChangeHandler::new(context.clone()),
            snapshots: SnapshotReader::new(context.clone()),
            incremental: IncrementalSnapshotMonitor::new(context.clone()),
            periodic: PeriodicMessages::new(context.clone()),
            signs_of_progress: 0,
            stopping: None,
            context,
        }
    }

    /// Runs the shard until it stops or must be restarted.
    pub(super) async fn run(
        &mut self,
        state_events: &mut mpsc::Receiver<StateEvent>,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> RunEnd {
        let end = self.serve(state_events, stop_requests).await;
        match (end, self.stopping.take()) {
            // The outcome of the transaction does not matter: the next owner reads the state.
            (RunEnd::Stopped(_) | RunEnd::Unassigned | RunEnd::Restart { .. }, Some((_, request))) => {
                RunEnd::Stopped(Some(request))
            }
            (end, _) => end,
        }
    }

    /// Closes the producer. No transaction is open.
    pub(super) async fn close(&mut self) {
        self.session.close().await;
    }

    async fn serve(
        &mut self,
        state_events: &mut mpsc::Receiver<StateEvent>,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> RunEnd {
        let mut polls = tokio::time::interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Ordered events may depend on pending effects, which therefore come first.
            let handed_in =
                self.carry_out().and_then(|()| self.hand_in_ordered()).and_then(|()| self.carry_out());
            if let Err(end) = handed_in {
                return end;
            }
            if self.is_stopped() {
                return RunEnd::Stopped(None);
            }
            let open = self.stopping.is_none();
            if open && self.machine.has_room() {
                self.snapshots.start_pages(&self.operations);
            }
            let wants_changes = open && !self.changes.is_waiting() && self.machine.has_room();
            let deadline = self.machine.deadline().filter(|_| open);
            // Requests and results come first. Changes, of which there may always be more, come last.
            let step = tokio::select! {
                biased;
                request = stop_requests.recv(), if open => match request {
                    Some(request) => { self.stop(request); Ok(()) }
                    None => return RunEnd::Stopped(None),
                },
                Some(result) = self.operations.next() => self.operation_result(result),
                event = state_events.recv(), if open => match event {
                    Some(event) => self.session.state_event(event, &mut self.machine),
                    None => return RunEnd::Stopped(None),
                },
                () = self.context.sleep_until(deadline) => { self.machine.start_due_commit(self.context.now()); Ok(()) }
                _ = polls.tick() => self.poll(),
                (token, event) = self.queries.next(|token| self.commit_order.may_read(token)), if wants_changes => {
                    self.query_event(&token, event)
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn stop(&mut self, request: StopRequest) {
        self.queries = Queries::new(self.context.pipeline.read_ahead.clone());
        self.stopping = Some((Instant::now() + STOP_TIMEOUT, request));
    }

    /// True when nothing is in flight after the request to stop, or the timeout has passed. In the latter case the next
    /// owner's init aborts the transaction.
    fn is_stopped(&self) -> bool {
        self.stopping
            .as_ref()
            .is_some_and(|(limit, _)| !self.session.is_committing() || Instant::now() >= *limit)
    }

    fn carry_out(&mut self) -> Result<(), RunEnd> {
        // No effect is carried out while stopping, nor before the state is being read.
        if self.stopping.is_some() || !self.session.is_fetching() {
            return Ok(());
        }
        let effects = EffectHandler {
            context: &self.context,
            session: &mut self.session,
            queries: &mut self.queries,
            commit_order: &mut self.commit_order,
            changes: &mut self.changes,
            snapshots: &mut self.snapshots,
            incremental: &self.incremental,
            operations: &self.operations,
        };
        effects.carry_out(&mut self.machine)
    }

    /// Hands in the ordered events of an atomic pipeline, while there is room for them.
    fn hand_in_ordered(&mut self) -> Result<(), RunEnd> {
        while self.stopping.is_none()
            && !self.changes.is_waiting()
            && self.machine.has_room()
            && let Some((token, event)) = self.commit_order.next()
        {
            self.hand_in(&token, event)?;
        }
        Ok(())
    }

    fn hand_in(&mut self, token: &Token, event: TokenEvent<ReadChange>) -> Result<(), RunEnd> {
        self.changes.handle(token, event, &mut self.machine, &self.operations)
    }

    fn query_event(&mut self, token: &Token, event: QueryEvent) -> Result<(), RunEnd> {
        if let QueryEvent::Record { .. } = event {
            self.signs_of_progress += 1;
            self.context.pipeline.metrics.health.answered(Part::Spanner);
        }
        let event = match token_event(&self.context, token, event) {
            Ok(event) => event,
            Err(failure) => {
                let frontier = self.machine.watermark();
                self.operations.push(explain_refusal(&self.context, token, frontier, failure));
                return Ok(());
            }
        };
        match self.commit_order.push(token, event, &self.machine) {
            Some(event) => self.hand_in(token, event),
            None => Ok(()),
        }
    }

    fn operation_result(&mut self, result: OperationResult) -> Result<(), RunEnd> {
        let (context, machine) = (&self.context, &mut self.machine);
        match result {
            OperationResult::StateFetchStarted(generation) => {
                self.session.fetch_started(generation, machine)?
            }
            OperationResult::ProducerInitialised(producer) => {
                self.session.producer_initialised(producer, machine)?;
            }
            OperationResult::Committed { result, report } => {
                self.session.committed(result, *report, machine)?;
                self.signs_of_progress += 1;
            }
            OperationResult::RootTokens(roots) => {
                let roots = roots.map_err(|failure| root_query::end_of_failed_query(context, failure));
                let (start, roots) = roots?;
                self.commit_order.expect_roots(&roots, start);
                machine.add_roots(start, roots, context.now());
            }
            OperationResult::Transform(transform) => {
                self.changes.transform_ready(transform, machine, &self.operations)?;
            }
            OperationResult::RefusedQuery(error) => return Err(RunEnd::Failed(error)),
            OperationResult::SnapshotDivided(divided) => {
                let divided =
                    divided.map_err(|failure| context.end_of(failure, "divide the tables for a snapshot"));
                let (at, ranges) = divided?;
                machine.add_snapshot_ranges(at, ranges, context.now());
            }
            OperationResult::TableDivided { table, ranges } => {
                machine.add_table_ranges(&table, ranges, context.now());
            }
            OperationResult::Page { id, page } => self.snapshots.page(id, page, machine)?,
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<(), RunEnd> {
        let (tokens, waiting) = self.machine.token_counts();
        let mut status = self.context.status.lock();
        (status.tokens_running, status.tokens_waiting) = (tokens, waiting);
        status.watermark = self.machine.watermark();
        status.open_ranges = self.machine.open_range_count();
        status.signs_of_progress += std::mem::take(&mut self.signs_of_progress);
        drop(status);
        self.periodic.queue_due(&mut self.machine)?;
        self.incremental.poll(&mut self.machine);
        self.session.check_idle_producer()
    }
}

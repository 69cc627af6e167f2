use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use spanbridge_kafka::{Record, TransactionalProducer};
use spanbridge_protocol::publish::{Shard, ShardEffect, Token, TransactionCounts};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::auxiliary_topics::PeriodicMessages;
use super::change_handler::HeldChange;
use super::commit_order::{self, CommitOrder};
use super::end::End;
use super::incremental_snapshot::SnapshotMonitor;
use super::operations::{self, Answer, Work};
use super::outgoing_message::{OutgoingMessage, TransactionReport};
use super::queries::Queries;
use super::snapshot_reader::{self, SnapshotReader};
use super::{Owner, StateEvent, StopRequest, state};
use crate::metrics::Outcome;
use crate::pipeline::Pipeline;
use crate::shard_status::Status;
use crate::startup::REVOKE_WAIT;

/// How often an idle producer's health is looked at, the status told, and what is due beside the data.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// For the transaction on its way, a little less than the group waits.
const FINISH_LIMIT: Duration = REVOKE_WAIT.saturating_sub(Duration::from_secs(1));

/// One life of the shard's machine: with it begin and end its producer, its queries and its view of the state.
pub(super) struct ShardRun {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) index: u32,
    pub(super) status: Arc<Status>,
    started: Instant,
    pub(super) shard: Shard<OutgoingMessage>,
    pub(super) work: FuturesUnordered<Work>,
    queries: Queries,
    /// Of an atomic pipeline.
    pub(super) order: Option<CommitOrder>,
    pub(super) reads: SnapshotReader,
    /// While no transaction is on its way.
    producer: Option<TransactionalProducer>,
    in_flight: bool,
    /// Of the fetch of this life.
    generation: Option<u64>,
    /// Came before the answer that tells the generation.
    early: Vec<(u64, Vec<Record>)>,
    pub(super) held: Option<HeldChange>,
    pub(super) tally: TransactionCounts,
    pub(super) beats: PeriodicMessages,
    pub(super) following: SnapshotMonitor,
    finishing: Option<(Instant, StopRequest)>,
}

impl ShardRun {
    pub(super) fn new(owner: &Owner, pause: Duration) -> Self {
        let pipeline = owner.pipeline.clone();
        let order = pipeline.config.atomic.then(|| commit_order::new(pipeline.config.end));
        let work = FuturesUnordered::new();
        let queries = Queries::new(pipeline.ahead.clone());
        work.push(operations::fetch(pipeline.clone(), owner.index, pause));
        Self {
            shard: Shard::new(pipeline.shard(owner.index)),
            pipeline,
            index: owner.index,
            status: owner.status.clone(),
            started: Instant::now(),
            work,
            queries,
            order,
            reads: SnapshotReader::default(),
            producer: None,
            in_flight: false,
            generation: None,
            early: Vec::new(),
            held: None,
            tally: TransactionCounts::default(),
            beats: PeriodicMessages::default(),
            following: SnapshotMonitor::default(),
            finishing: None,
        }
    }

    /// Feeds the machine and carries out what it wants, until something ends it.
    pub(super) async fn run(
        &mut self,
        mail: &mut mpsc::Receiver<StateEvent>,
        finish: &mut mpsc::Receiver<StopRequest>,
    ) -> End {
        let end = self.live(mail, finish).await;
        match (end, self.finishing.take()) {
            // Whatever became of the transaction: who comes next reads the state.
            (End::Finished(_) | End::Left | End::Forget { .. }, Some((_, asked))) => {
                End::Finished(Some(asked))
            }
            (end, _) => end,
        }
    }

    async fn live(
        &mut self,
        mail: &mut mpsc::Receiver<StateEvent>,
        finish: &mut mpsc::Receiver<StopRequest>,
    ) -> End {
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // What has its turn stands on what the machine wanted before.
            if let Err(end) = self.carry_out().and_then(|()| self.in_order()).and_then(|()| self.carry_out())
            {
                return end;
            }
            if self.is_finished() {
                return End::Finished(None);
            }
            let open = self.finishing.is_none();
            if open && self.shard.has_room() {
                self.reads.start(&self.pipeline, &self.status, &self.work);
            }
            let wants_changes = open && self.held.is_none() && self.shard.has_room();
            let due = self.shard.deadline().map(|deadline| self.started + deadline).filter(|_| open);
            // Control and answers first; changes, of which there may always be more, last.
            let step = tokio::select! {
                biased;
                asked = finish.recv(), if open => match asked {
                    Some(asked) => { self.finish(asked); Ok(()) }
                    None => return End::Finished(None),
                },
                Some(answer) = self.work.next() => self.answer(answer),
                letter = mail.recv(), if open => match letter {
                    Some(letter) => self.letter(letter),
                    None => return End::Finished(None),
                },
                () = sleep_until(due) => { self.shard.start_due_commit(self.started.elapsed()); Ok(()) }
                _ = looks.tick() => self.look(),
                (token, event) = self.queries.next(|token| commit_order::may_read(self.order.as_ref(), token)), if wants_changes => self.event(&token, event),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Ends the producer; nothing is open.
    pub(super) async fn close(&mut self) {
        if let Some(producer) = self.producer.take()
            && let Err(error) = producer.close().await
        {
            tracing::warn!(pipeline = self.pipeline.name(), shard = self.index, %error, "close");
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn finish(&mut self, asked: StopRequest) {
        self.queries = Queries::new(self.pipeline.ahead.clone());
        self.finishing = Some((Instant::now() + FINISH_LIMIT, asked));
    }

    /// Nothing is on its way, or it takes too long: the next owner's init ends it.
    fn is_finished(&self) -> bool {
        self.finishing.as_ref().is_some_and(|(limit, _)| !self.in_flight || Instant::now() >= *limit)
    }

    /// True while nothing more is to be begun.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    fn carry_out(&mut self) -> Result<(), End> {
        // Nothing is begun any more, nor before the state is being read.
        if self.finishing.is_some() || self.generation.is_none() {
            return Ok(());
        }
        while let Some(effect) = self.shard.next_effect() {
            match effect {
                ShardEffect::InitTransactions => {
                    self.work.push(operations::init(self.pipeline.clone(), self.index))
                }
                ShardEffect::Commit(transaction) => {
                    let Some(producer) = self.producer.take() else {
                        return Err(self.bug("a transaction without a producer"));
                    };
                    let batch = TransactionReport::new(&self.pipeline, self.index, transaction);
                    let (transaction, batch) = batch.map_err(End::Stop)?;
                    self.in_flight = true;
                    self.work.push(operations::commit(producer, transaction, Box::new(batch)));
                }
                ShardEffect::QueryRoots { start } => {
                    self.work.push(operations::roots(self.pipeline.clone(), start))
                }
                ShardEffect::DivideSnapshot => self.work.push(snapshot_reader::divide(self.pipeline.clone())),
                ShardEffect::DivideTable { table } => {
                    self.work.push(snapshot_reader::divide_again(
                        self.pipeline.clone(),
                        self.status.clone(),
                        table,
                    ));
                }
                ShardEffect::ReadRange { id, range } => self.reads.add(id, range, self.shard.is_at_barrier()),
                ShardEffect::SetEnd { end } => self.until(end),
                ShardEffect::QueryToken { token, start } => {
                    self.tally.forget(&token);
                    if let Some(order) = &mut self.order {
                        order.start_query(token.clone(), start);
                    }
                    self.queries.start(&self.pipeline, token, start);
                }
                ShardEffect::FinishToken { token } => {
                    self.stop(&token);
                    self.status.state().tokens_finished += 1;
                }
                ShardEffect::StopToken { token } => self.stop(&token),
            }
        }
        Ok(())
    }

    fn stop(&mut self, token: &Token) {
        self.tally.forget(token);
        if let Some(order) = &mut self.order {
            order.stop_token(token);
        }
        self.queries.finished(token);
    }

    fn answer(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Fetching(generation) => {
                let generation = generation.map_err(|error| self.end(error, "read the state"))?;
                self.generation = Some(generation);
                for (of, records) in std::mem::take(&mut self.early) {
                    self.records(of, &records)?;
                }
            }
            Answer::Initialised(producer) => {
                let producer = producer.map_err(|error| self.end(error, "take the shard over"))?;
                self.producer = Some(producer);
                self.shard.begin_recovery(uuid::Uuid::new_v4().to_string().into());
            }
            Answer::Committed { result: Ok((producer, committed)), batch } => {
                self.producer = Some(producer);
                self.in_flight = false;
                batch.committed(&self.pipeline.meter, committed);
                self.shard.confirm_commit(self.now());
            }
            Answer::Committed { result: Err(error), batch } => {
                batch.failed(&self.pipeline.meter, Outcome::of(&error), error.code());
                return Err(self.end(error, "commit a Kafka transaction"));
            }
            Answer::Roots(roots) => {
                let (start, roots) = roots.map_err(|failure| self.no_roots(failure))?;
                if let Some(order) = &mut self.order {
                    order.expect_tokens(&roots, start);
                }
                self.shard.add_roots(start, roots, self.now());
            }
            Answer::Explained(error) => return Err(End::Stop(error)),
            Answer::Divided(divided) => {
                let (at, ranges) =
                    divided.map_err(|failure| self.end(failure, "divide the tables for a snapshot"))?;
                self.shard.add_snapshot_ranges(at, ranges, self.now());
            }
            Answer::TableDivided { table, divided } => {
                let now = self.now();
                self.shard.add_table_ranges(&table, divided, now);
            }
            Answer::Page { id, page } => self.page(id, page)?,
            Answer::TableTransform(plan) => {
                let plan = match plan {
                    Ok(plan) => plan,
                    Err(failure) => return self.refuse(failure),
                };
                self.status.state().reason = None;
                if let Some(held) = self.held.take() {
                    self.take(&plan, held)?;
                }
            }
        }
        Ok(())
    }

    fn letter(&mut self, letter: StateEvent) -> Result<(), End> {
        match letter {
            StateEvent::Records { generation, records } if self.generation.is_none() => {
                self.early.push((generation, records));
                Ok(())
            }
            StateEvent::Records { generation, records } => self.records(generation, &records),
            StateEvent::Failed { generation, error }
                if generation.is_none() || generation == self.generation =>
            {
                Err(self.end(error, "read the state"))
            }
            // Of a fetch that was replaced.
            StateEvent::Failed { .. } => Ok(()),
        }
    }

    fn records(&mut self, generation: u64, records: &[Record]) -> Result<(), End> {
        if self.generation != Some(generation) {
            return Ok(());
        }
        for record in records {
            let (key, value) = state::decode(self.pipeline.name(), record).map_err(End::Stop)?;
            let now = self.now();
            self.shard.apply_state(key, value, now).map_err(|error| self.refused(&error))?;
        }
        if self.shard.is_running() && !self.status.state().running {
            let (tokens, waiting) = self.shard.token_counts();
            let mut status = self.status.state();
            (status.running, status.reason) = (true, None);
            let (pipeline, shard) = (self.pipeline.name(), self.index);
            tracing::info!(pipeline, shard, tokens, waiting, "shard running");
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), End> {
        let (tokens, waiting) = self.shard.token_counts();
        let mut status = self.status.state();
        (status.tokens_running, status.tokens_waiting) = (tokens, waiting);
        status.watermark = self.shard.watermark();
        status.open_ranges = self.shard.open_range_count();
        drop(status);
        self.beat()?;
        self.follow_reread();
        match self.producer.as_ref().and_then(TransactionalProducer::doubt) {
            Some(doubt) => Err(End::Forget { reason: format!("the idle producer: {doubt}"), fenced: false }),
            None => Ok(()),
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

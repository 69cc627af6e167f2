//! One database: schema, rows and transactions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{Mutation, ReadRequest};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use tonic::Code;

use crate::clock::Clock;
use crate::commit::{Claims, Draft, Limits};
use crate::refusal::{Error, Result};
use crate::schema::Schema;
use crate::span::Spans;
use crate::store::{Overlay, Plan, Rows, key_set};
use crate::stream::{Commitment, Streams};
use crate::transaction::{Committed, Transactions};

/// One database: its schema, its rows, and its transactions.
#[derive(Debug, Default)]
pub(crate) struct Database {
    state: Mutex<State>,
    claims: Arc<Claims>,
}

#[derive(Debug, Default)]
struct State {
    schema: Schema,
    rows: Rows,
    clock: Clock,
    transactions: Transactions,
    streams: Streams,
}

/// The result of a read or a query.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The names and types of the columns.
    pub(crate) columns: Vec<(String, Type)>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Database {
    /// Runs DDL statements in order. The statements before one that fails stay applied.
    pub(crate) fn execute_ddl<S: AsRef<str>>(&self, statements: &[S]) -> Result<()> {
        let mut state = self.lock();
        let State { schema, rows, streams, clock, .. } = &mut *state;
        for statement in statements {
            schema.execute(statement.as_ref())?;
            rows.fit(schema);
            streams.fit(schema, || clock.tick());
        }
        Ok(())
    }

    /// Reads the schema.
    pub(crate) fn schema<T>(&self, look: impl FnOnce(&Schema) -> T) -> T {
        look(&self.lock().schema)
    }

    /// Returns a timestamp later than every commit before and earlier than every commit after.
    pub(crate) fn now(&self) -> Timestamp {
        self.lock().clock.tick()
    }

    /// Calls a function with the change streams and the timestamp up to which their records are complete.
    pub(crate) fn streams<T>(&self, ask: impl FnOnce(&mut Streams, Timestamp) -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        let settled = state.clock.settled();
        ask(&mut state.streams, settled)
    }

    /// Returns a timestamp between commits; `None` while the clock is held.
    pub(crate) fn cut(&self) -> Option<Timestamp> {
        let mut state = self.lock();
        (!state.clock.is_held()).then(|| state.clock.tick())
    }

    /// Holds or releases the clock: while it is held, all commits have one timestamp.
    pub(crate) fn hold_clock(&self, hold: bool) {
        let mut state = self.lock();
        if hold {
            state.clock.hold();
        } else {
            state.clock.release();
            state.streams.tell();
        }
    }

    pub(crate) fn advance_clock(&self, by: TimeDelta) {
        self.lock().clock.advance(by);
    }

    pub(crate) fn begin(&self, excluded: bool) -> u64 {
        self.lock().transactions.begin(excluded)
    }

    pub(crate) fn roll_back(&self, transaction: u64) {
        self.lock().transactions.roll_back(transaction);
    }

    /// Returns the present rows of a key set, in key order.
    pub(crate) fn read(&self, request: &ReadRequest, transaction: Option<u64>) -> Result<Table> {
        if !request.index.is_empty() {
            return Err(Error::unimplemented(format_args!("index {}", request.index)));
        }
        let mut state = self.lock();
        let State { schema, rows, transactions, .. } = &mut *state;
        let table = schema.get(&request.table)?;
        let place = |name: &String| {
            let unknown =
                || Error::not_found(format!("Column not found in table {}: {name}", table.full_name()));
            table.column(name).ok_or_else(unknown)
        };
        let places: Vec<usize> = request.columns.iter().map(place).collect::<Result<_>>()?;
        let spans: Spans = key_set(table, request.key_set.as_ref())?.into_iter().collect();
        if let Some(transaction) = transaction {
            transactions.read(transaction, table.id, spans.as_slice())?;
        }
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let found = spans.as_slice().iter().flat_map(|span| rows.range(table.id, span));
        let rows = found.take(limit).map(|(_, row)| places.iter().map(|&place| row[place].clone()).collect());
        let rows = rows.collect();
        let columns = places.iter().map(|&place| {
            let column = &table.columns[place];
            (column.name.clone(), column.ty.clone())
        });
        Ok(Table { columns: columns.collect(), rows })
    }

    /// Executes a commit, single-use or of a read-write transaction. The future must not be dropped before it ends: the
    /// commit would have no outcome.
    pub(crate) async fn commit(
        &self,
        mutations: &[Mutation],
        (transaction, commitment): (Option<u64>, Commitment<'_>),
        limits: &Limits,
        latency: Duration,
        draft: &mut Draft<'_>,
    ) -> Result<Committed> {
        let done = self.execute(mutations, (transaction, commitment), limits, latency, draft).await;
        match &done {
            Ok(committed) => {
                draft.record.code = Code::Ok;
                draft.record.timestamp = Some(committed.timestamp);
            }
            Err(error) => draft.record.code = error.code(),
        }
        done
    }

    async fn execute(
        &self,
        mutations: &[Mutation],
        (transaction, mut commitment): (Option<u64>, Commitment<'_>),
        limits: &Limits,
        latency: Duration,
        draft: &mut Draft<'_>,
    ) -> Result<Committed> {
        let outcome = match transaction {
            Some(id) => Some(self.lock().transactions.outcome(id)?),
            None => None,
        };
        let mut outcome = match &outcome {
            Some(outcome) => Some(outcome.lock().await),
            None => None,
        };
        if let Some(Some(committed)) = outcome.as_deref() {
            return Ok(*committed);
        }
        let plan = self.schema(|schema| Plan::new(schema, mutations))?;
        draft.record.mutations = plan.mutations;
        draft.record.bytes = plan.bytes;
        limits.check(&plan)?;

        let mut needed = plan.footprint.clone();
        if let Some(id) = transaction {
            needed.read_all_of(self.lock().transactions.reads(id)?);
        }
        let waiting = Instant::now();
        let claim = self.claims.claim(needed).await;
        draft.record.waited = waiting.elapsed();
        let running = draft.runs();
        // What is found now cannot change before the claim ends.
        let changes = {
            let mut state = self.lock();
            if let Some(id) = transaction {
                state.transactions.check(id)?;
            }
            Overlay::evaluate(&state.schema, &state.rows, &plan)?
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let timestamp = {
            let mut state = self.lock();
            let State { schema, rows, clock, transactions, streams } = &mut *state;
            draft.record.tables = changes.tables(schema);
            if let Some(id) = transaction {
                commitment.excluded = transactions.is_excluded(id)?;
            }
            let timestamp = clock.tick();
            let told = rows.apply(schema, changes, timestamp, !streams.is_empty());
            if !told.is_empty() {
                streams.record(&told, timestamp, commitment);
            }
            transactions.spoil(&plan.footprint, transaction);
            timestamp
        };
        drop(running);
        drop(claim);
        let committed = Committed { timestamp, mutations: plan.mutations };
        if let Some(outcome) = &mut outcome {
            **outcome = Some(committed);
        }
        Ok(committed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The records and ends of queries, as events of a token for the state machine.

use std::time::SystemTime;

use futures::future::FutureExt;
use spanbridge_protocol::publish::{ChildTokens, Token, TokenEvent};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, ChildPartitions, DataChange};

use super::context::ShardContext;
use super::operations::{Operation, OperationResult};
use super::queries::QueryEvent;
use crate::failure::Failure;
use crate::memory_budget::Reservation;
use crate::policy::Action;
use crate::{ErrorKind, stream_monitor};

/// A change record with the time when it was read.
pub(super) struct ReadChange {
    pub(super) change: DataChange,
    pub(super) read: SystemTime,
    /// The memory that the change takes while it waits for its turn in the order of commits.
    pub(super) reservation: Option<Reservation>,
}

/// Converts what a query has returned. A query that broke off for a reason that can pass is an interruption, after
/// which the state machine asks for the query again.
///
/// # Errors
/// The failure of a query that was refused for good.
pub(super) fn token_event(
    context: &ShardContext,
    token: &Token,
    event: QueryEvent,
) -> Result<TokenEvent<ReadChange>, Failure> {
    match event {
        QueryEvent::Record { record: ChangeRecord::Data(change), read } => Ok(TokenEvent::Change {
            change: ReadChange { change, read, reservation: None },
            continues: false,
        }),
        QueryEvent::Record { record: ChangeRecord::Heartbeat(at), .. } => Ok(TokenEvent::Heartbeat(at)),
        QueryEvent::Record { record: ChangeRecord::Children(record), .. } => {
            Ok(TokenEvent::Children(children(record)))
        }
        QueryEvent::Ended { error: None } => Ok(TokenEvent::Ended),
        QueryEvent::Ended { error: Some(error) } => interruption(context, token, error),
        QueryEvent::Dropped => Ok(TokenEvent::Interrupted),
    }
}

fn interruption(
    context: &ShardContext,
    token: &Token,
    error: spanbridge_spanner::Error,
) -> Result<TokenEvent<ReadChange>, Failure> {
    let failure = Failure::Spanner(error);
    let metrics = &context.pipeline.metrics;
    metrics.failure(&failure);
    match failure.action() {
        Action::Stop(kind) => {
            if kind == ErrorKind::Expired {
                metrics.gaps.increment(1);
            }
            Err(failure)
        }
        _ => {
            let (pipeline, shard, token_end) = (context.pipeline.name(), context.index, token.short());
            if let Some(left_out) = metrics.next_line(&failure, "query") {
                tracing::info!(
                    pipeline, shard, token = token_end, %failure, left_out, "Query interrupted; it will be resumed"
                );
            }
            Ok(TokenEvent::Interrupted)
        }
    }
}

/// Starts to explain why the query of a token was refused for good. `frontier` is the timestamp up to which this shard
/// has queued all changes.
pub(super) fn explain_refusal(
    context: &ShardContext,
    token: &Token,
    frontier: Option<Timestamp>,
    failure: Failure,
) -> Operation {
    let (pipeline, token) = (context.pipeline.clone(), token.clone());
    async move {
        let error = stream_monitor::explain_refusal(&pipeline, token.short(), frontier, failure);
        OperationResult::RefusedQuery(error.await)
    }
    .boxed()
}

fn children(record: ChildPartitions) -> ChildTokens {
    let token = |token: String| Token(token.into());
    let children = record
        .children
        .into_iter()
        .map(|child| (token(child.token), child.parents.into_iter().map(token).collect()));
    ChildTokens { start: record.start_timestamp, children: children.collect() }
}

//! The root query: it returns the tokens with which a new pipeline starts.

use std::time::Duration;

use futures::future::FutureExt;
use spanbridge_protocol::publish::Token;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::ChangeRecord;

use super::context::ShardContext;
use super::existing_topics;
use super::operations::{Operation, OperationResult};
use super::run_end::RunEnd;
use crate::ErrorKind;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;

/// How long the root query may take. Spanner normally ends it after the root records.
const ROOT_QUERY_TIMEOUT: Duration = Duration::from_secs(60);

/// Queries the tokens that the change stream has at `start`, or now. Without a stored origin, the pipeline begins only if
/// it may write to its topics.
pub(super) fn query_roots(context: &ShardContext, start: Option<Timestamp>, has_origin: bool) -> Operation {
    let pipeline = context.pipeline.clone();
    async move {
        if !has_origin && let Err(failure) = existing_topics::check(&pipeline).await {
            return OperationResult::RootTokens(Err(failure));
        }
        let roots = tokio::time::timeout(ROOT_QUERY_TIMEOUT, root_tokens(&pipeline, start)).await;
        OperationResult::RootTokens(roots.unwrap_or_else(|_| {
            let message = format!("the root query has not ended within {ROOT_QUERY_TIMEOUT:?}");
            Err(Failure::Unclear(message))
        }))
    }
    .boxed()
}

async fn root_tokens(
    pipeline: &Pipeline,
    start: Option<Timestamp>,
) -> Result<(Timestamp, Vec<Token>), Failure> {
    let database = &pipeline.database;
    let start = match start {
        Some(start) => start,
        None => database.now().await?,
    };
    let mut changes = database.changes(&pipeline.change_stream, None, start, None, pipeline.config.heartbeat);
    let mut roots = Vec::new();
    while let Some(record) = changes.next().await {
        if let ChangeRecord::Children(children) = record? {
            roots.extend(children.children.into_iter().map(|child| Token(child.token.into())));
        }
    }
    if roots.is_empty() {
        return Err(Failure::Unclear("the root query has returned no tokens".to_owned()));
    }
    tracing::info!(pipeline = pipeline.name(), %start, tokens = roots.len(), "Pipeline starts");
    Ok((start, roots))
}

/// The end of a run whose root query has failed.
pub(super) fn end_of_failed_query(context: &ShardContext, failure: Failure) -> RunEnd {
    let doing = match (failure.action(), context.pipeline.start()) {
        (Action::Stop(ErrorKind::Expired), Some(start)) => format!(
            "change stream {} holds nothing of `start` = {start}: that is before its creation or its retention; give a \
             later one",
            context.pipeline.change_stream
        ),
        _ => "query the first tokens".to_owned(),
    };
    context.end_of(failure, &doing)
}

//! Watches the change stream for alterations that end the pipeline, and explains why a query was refused for good.
//!
//! A stream may be altered, dropped or created again while it is published, and it may expire changes that have not
//! been published.

use std::time::{Duration, SystemTime};

use spanbridge_protocol::value::Timestamp;

use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::startup::altered_error;
use crate::{Error, ErrorKind};

/// The pause between two reads of the change stream's definition. Nothing else
/// shows that the stream has stopped watching a table.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Watches the change stream for as long as the pipeline can continue with it.
///
/// # Errors
/// The alteration with which the pipeline cannot continue.
pub(crate) async fn watch(pipeline: &Pipeline) -> Result<(), Error> {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        // Other errors of Spanner also reach the queries, which report them.
        let stream = pipeline.database.change_stream(&pipeline.change_stream).await;
        pipeline.metrics.health.spanner(&stream);
        if let Ok(stream) = stream {
            match stream {
                Some(stream) => altered_error(&pipeline.config, &stream).map_or(Ok(()), Err)?,
                None => return Err(dropped_error(pipeline, pipeline.watermark.get())),
            }
        }
    }
}

/// The error of a token's query that was refused for good, with the change stream's state as the reason where that
/// explains it. `frontier` is the timestamp up to which changes are published.
pub(crate) async fn explain_refusal(
    pipeline: &Pipeline,
    token: &str,
    frontier: Option<Timestamp>,
    failure: Failure,
) -> Error {
    let (stream, now) = (pipeline.database.change_stream(&pipeline.change_stream), pipeline.database.now());
    let doing = format!("query of token …{token}");
    match (stream.await, failure.action()) {
        (Ok(None), _) => dropped_error(pipeline, frontier),
        (Ok(Some(stream)), Action::Stop(ErrorKind::Expired)) => {
            let edge = now.await.ok().and_then(|now| SystemTime::from(now).checked_sub(stream.retention));
            expired_error(pipeline, token, frontier, edge.map(Timestamp::from), stream.retention, &failure)
        }
        (_, Action::Stop(kind)) => failure.stop(kind, pipeline.name(), &doing),
        _ => failure.stop(ErrorKind::Refused, pipeline.name(), &doing),
    }
}

fn dropped_error(pipeline: &Pipeline, frontier: Option<Timestamp>) -> Error {
    let message = format!(
        "change stream {} of {} no longer exists: it was dropped while it was published. {}; {RESTART_HELP}",
        pipeline.change_stream,
        pipeline.database.name(),
        lost_changes(frontier, "its end"),
    );
    Error::new(ErrorKind::Stream, pipeline.name(), message)
}

/// The error of a query whose timestamp is older than the retention, or whose token belongs to an earlier change stream
/// of the same name. `edge` is the start of the retention.
fn expired_error(
    pipeline: &Pipeline,
    token: &str,
    frontier: Option<Timestamp>,
    edge: Option<Timestamp>,
    retention: Duration,
    failure: &Failure,
) -> Error {
    let (stream, hours) = (&pipeline.change_stream, retention.as_secs() / 3600);
    let message = match (frontier, edge) {
        (Some(frontier), Some(edge)) if frontier >= edge => format!(
            "change stream {stream} does not know token …{token} ({failure}), although it retains {hours} h and the pipeline \
             has published up to {frontier}: the stream was dropped and created again since. {}; {RESTART_HELP}",
            lost_changes(Some(frontier), "when it was created"),
        ),
        (frontier, edge) => format!(
            "change stream {stream} retains {hours} h and no longer holds the changes that token …{token} has still to \
             return ({failure}). {}; {RESTART_HELP}",
            lost_changes(
                frontier,
                &edge.map_or("the start of its retention".to_owned(), |edge| edge.to_string())
            ),
        ),
    };
    Error::new(ErrorKind::Expired, pipeline.name(), message)
}

/// Tokens descend from each other, so a single one cannot be replaced.
const RESTART_HELP: &str = "a single token cannot be skipped: start a new pipeline, with another name, and bring its \
                            consumers the current rows of the tables once";

fn lost_changes(from: Option<Timestamp>, to: &str) -> String {
    match from {
        Some(from) => format!("Changes from {from} to {to} may be lost"),
        None => format!("Changes up to {to} may be lost"),
    }
}

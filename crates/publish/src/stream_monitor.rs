//! The change stream's own fate: it may be altered, dropped, or outlived while it is published.

use std::time::{Duration, SystemTime};

use spanbridge_protocol::value::Timestamp;

use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::startup::altered;
use crate::{Error, ErrorKind};

/// Between two looks at it. A table that is watched no more is told of by nothing else.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Looks after the change stream for as long as the pipeline can go on with it.
///
/// # Errors
/// Why it cannot.
pub(crate) async fn follow(pipeline: &Pipeline) -> Result<(), Error> {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        // What else is wrong with Spanner is the queries' to tell.
        if let Ok(stream) = pipeline.database.change_stream(&pipeline.change_stream).await {
            match stream {
                Some(stream) => altered(&pipeline.config, &stream).map_or(Ok(()), Err)?,
                None => return Err(dropped(pipeline, pipeline.watermark.get())),
            }
        }
    }
}

/// Why a token's query was refused for good, as far as the change stream itself explains it.
pub(crate) async fn explained(
    pipeline: &Pipeline,
    token: &str,
    frontier: Option<Timestamp>,
    failure: Failure,
) -> Error {
    let (stream, now) = (pipeline.database.change_stream(&pipeline.change_stream), pipeline.database.now());
    let doing = format!("query of token …{token}");
    match (stream.await, failure.action()) {
        (Ok(None), _) => dropped(pipeline, frontier),
        (Ok(Some(stream)), Action::Stop(ErrorKind::Expired)) => {
            let edge = now.await.ok().and_then(|now| SystemTime::from(now).checked_sub(stream.retention));
            expired(pipeline, token, frontier, edge.map(Timestamp::from), stream.retention, &failure)
        }
        (_, Action::Stop(kind)) => failure.stop(kind, pipeline.name(), &doing),
        _ => failure.stop(ErrorKind::Refused, pipeline.name(), &doing),
    }
}

fn dropped(pipeline: &Pipeline, frontier: Option<Timestamp>) -> Error {
    let message = format!(
        "change stream {} of {} is gone: it was dropped while it was published. {} and cannot be read any more; {}",
        pipeline.change_stream,
        pipeline.database.name(),
        lost(frontier, "its end"),
        ANEW,
    );
    Error::new(ErrorKind::Stream, pipeline.name(), message)
}

/// The frontier is behind what is kept, or the token is of another change stream of that name.
fn expired(
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
            "change stream {stream} does not know token …{token} ({failure}), though it keeps {hours} h and the pipeline \
             has come to {frontier}: it was dropped and created again since. {}; {ANEW}",
            lost(Some(frontier), "when it was created"),
        ),
        (frontier, edge) => format!(
            "change stream {stream} keeps {hours} h and no longer holds what token …{token} still has to give \
             ({failure}). {}; {ANEW}",
            lost(
                frontier,
                &edge.map_or("where its retention begins now".to_owned(), |edge| edge.to_string())
            ),
        ),
    };
    Error::new(ErrorKind::Expired, pipeline.name(), message)
}

/// Tokens descend from each other, so that one alone cannot begin anew.
const ANEW: &str = "tokens cannot be given up one by one: begin a new pipeline, with another name, and bring its \
                    consumers the tables' rows as they are now, once";

fn lost(from: Option<Timestamp>, to: &str) -> String {
    match from {
        Some(from) => format!("Changes from {from} to {to} may be lost"),
        None => format!("Changes up to {to} may be lost"),
    }
}

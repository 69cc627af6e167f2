//! The query of a change stream, recognised by its text.

use std::time::Duration;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::ExecuteSqlRequest;
use spanbridge_protocol::value::Timestamp;

use super::parameter::text;
use crate::refusal::{Error, Result};
use crate::stream::Query;

const BEGINS: &str = "SELECT ChangeRecord FROM READ_";
const ENDS: &str = "(start_timestamp => @start, end_timestamp => @end, partition_token => @token, \
    heartbeat_milliseconds => @heartbeat)";

/// Recognises a change-stream query; `None` for another query.
pub(super) fn query(request: &ExecuteSqlRequest) -> Result<Option<Query>> {
    let Some(stream) = request.sql.strip_prefix(BEGINS).and_then(|sql| sql.strip_suffix(ENDS)) else {
        return Ok(None);
    };
    if !request.resume_token.is_empty() {
        return Err(Error::unimplemented("the resumption of a change stream query"));
    }
    let start = timestamp(request, "start")?;
    let heartbeat = text(request, "heartbeat").and_then(|text| text.parse().ok());
    Ok(Some(Query {
        stream: stream.to_owned(),
        token: text(request, "token").map(str::to_owned),
        start: start.ok_or_else(|| Error::invalid("start_timestamp must not be NULL."))?,
        end: timestamp(request, "end")?,
        heartbeat: Duration::from_millis(
            heartbeat.ok_or_else(|| Error::invalid("heartbeat_milliseconds must be a number."))?,
        ),
    }))
}

fn timestamp(request: &ExecuteSqlRequest, name: &str) -> Result<Option<Timestamp>> {
    let wrong = |_| Error::invalid(format!("Invalid timestamp: {name}"));
    text(request, name).map(|text| text.parse::<Timestamp>().map_err(wrong)).transpose()
}

//! The check of the change stream, at the start and while the pipeline runs.

use spanbridge_config::{Config, Envelope, Publish, Span};
use spanbridge_spanner::{ChangeStreamInfo, Database, WatchedTables};

use crate::failure::Failure;
use crate::transform::has_whole_rows;
use crate::{Error, ErrorKind};

/// A difference between a change stream and what the pipeline needs.
#[derive(Debug)]
pub struct StreamMismatch {
    /// The setting in the file that needs something else.
    pub span: Span,
    /// The difference.
    pub message: String,
    /// The advice to the operator.
    pub help: String,
}

/// Reads the change stream, which must watch the pipeline's tables and capture what its envelope needs.
pub(super) async fn check(
    config: &Config,
    publish: &Publish,
    database: &Database,
) -> Result<ChangeStreamInfo, Failure> {
    let code = ErrorKind::Config.code();
    let name = &publish.change_stream;
    let Some(stream) = database.change_stream(name).await? else {
        let message = format!("the database has no change stream `{name}`");
        let help = format!("create it: CREATE CHANGE STREAM {name} FOR …");
        return Err(Error::from(config.error_at(name.span, code, message, help)).into());
    };
    let errors = stream_mismatches(publish, &stream).into_iter().map(|mismatch| {
        let StreamMismatch { span, message, help } = mismatch;
        config.error_at(span, code, message, help)
    });
    match config.errors(errors) {
        Some(error) => Err(Error::from(error).into()),
        None => Ok(stream),
    }
}

/// The error of a pipeline that cannot continue with its altered change stream; `None` if it can.
pub(crate) fn altered_error(publish: &Publish, stream: &ChangeStreamInfo) -> Option<Error> {
    let mismatches = stream_mismatches(publish, stream);
    if mismatches.is_empty() {
        return None;
    }
    let mismatches =
        mismatches.into_iter().map(|StreamMismatch { message, help, .. }| format!("{message} ({help})"));
    let mismatches = mismatches.collect::<Vec<_>>().join("; ");
    let message = format!(
        "change stream {} was altered while it was published: {mismatches}; the stream keeps its earlier changes for \
         its retention of {} h",
        stream.name,
        stream.retention.as_secs() / 3600
    );
    Some(Error::new(ErrorKind::Stream, &publish.name, message))
}

/// Returns all differences between the change stream and what the pipeline needs.
#[must_use]
pub fn stream_mismatches(publish: &Publish, stream: &ChangeStreamInfo) -> Vec<StreamMismatch> {
    let mut mismatches = Vec::new();
    if let WatchedTables::Tables(watched) = &stream.watched {
        for table in publish.selection.named() {
            if !watched.iter().any(|watched| watched.eq_ignore_ascii_case(table)) {
                let message = format!("change stream {} does not watch table `{table}`", stream.name);
                let help = format!("it watches: {}", watched.join(", "));
                mismatches.push(StreamMismatch { span: table.span, message, help });
            }
        }
    }
    if publish.envelope == Envelope::Row && !has_whole_rows(stream.value_capture_type) {
        let message = format!(
            "the envelope `row` needs whole rows, but change stream {} captures {}",
            stream.name,
            stream.value_capture_type.as_str()
        );
        let help = format!(
            "ALTER CHANGE STREAM {} SET OPTIONS (value_capture_type = 'NEW_ROW'), or use the envelope `debezium`",
            stream.name
        );
        mismatches.push(StreamMismatch { span: publish.change_stream.span, message, help });
    }
    mismatches
}

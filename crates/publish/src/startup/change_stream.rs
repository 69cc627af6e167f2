use spanbridge_config::{Config, Envelope, Publish, Span};
use spanbridge_spanner::{ChangeStreamInfo, Database, WatchedTables};

use crate::failure::Failure;
use crate::transform::has_whole_rows;
use crate::{Error, ErrorKind};

/// Something in which a change stream is not as the pipeline needs it.
pub(crate) struct StreamMismatch {
    /// What of the file it contradicts.
    span: Span,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The change stream, which must be there, watch the pipeline's tables and capture what its envelope needs.
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
    let errors = unfit(publish, &stream).into_iter();
    let errors =
        errors.map(|StreamMismatch { span, message, help }| config.error_at(span, code, message, help));
    match config.errors(errors) {
        Some(error) => Err(Error::from(error).into()),
        None => Ok(stream),
    }
}

/// Why a pipeline cannot go on with a change stream that was altered while it ran; nothing when it can.
pub(crate) fn altered(publish: &Publish, stream: &ChangeStreamInfo) -> Option<Error> {
    let unfit = unfit(publish, stream);
    if unfit.is_empty() {
        return None;
    }
    let unfit = unfit.into_iter().map(|StreamMismatch { message, help, .. }| format!("{message} ({help})"));
    let unfit = unfit.collect::<Vec<_>>().join("; ");
    let message = format!(
        "change stream {} was altered while it was published: {unfit}; what it has from before waits in it for its \
         retention of {} h",
        stream.name,
        stream.retention.as_secs() / 3600
    );
    Some(Error::new(ErrorKind::Stream, &publish.name, message))
}

/// Everything in which the change stream is not as the pipeline needs it.
pub(crate) fn unfit(publish: &Publish, stream: &ChangeStreamInfo) -> Vec<StreamMismatch> {
    let mut unfit = Vec::new();
    if let WatchedTables::Tables(watched) = &stream.watched {
        for table in publish.selection.named() {
            if !watched.iter().any(|watched| watched.eq_ignore_ascii_case(table)) {
                let message = format!("change stream {} does not watch table `{table}`", stream.name);
                let help = format!("it watches: {}", watched.join(", "));
                unfit.push(StreamMismatch { span: table.span, message, help });
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
        unfit.push(StreamMismatch { span: publish.change_stream.span, message, help });
    }
    unfit
}

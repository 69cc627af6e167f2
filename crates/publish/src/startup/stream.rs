use spanbridge_config::{Config, Envelope, Publish};
use spanbridge_spanner::{ChangeStreamInfo, Database, Watched};

use crate::failure::Failure;
use crate::transform::has_whole_rows;
use crate::{Error, ErrorKind};

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
    let mut errors = Vec::new();
    if let Watched::Tables(watched) = &stream.watched {
        for table in publish.selection.named() {
            if !watched.iter().any(|watched| watched.eq_ignore_ascii_case(table)) {
                let message = format!("change stream {} does not watch table `{table}`", stream.name);
                let help = format!("it watches: {}", watched.join(", "));
                errors.push(config.error_at(table.span, code, message, help));
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
        errors.push(config.error_at(name.span, code, message, help));
    }
    match config.errors(errors) {
        Some(error) => Err(Error::from(error).into()),
        None => Ok(stream),
    }
}

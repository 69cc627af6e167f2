//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::{Error, ErrorKind, LogFormat};

/// Creates the layer that writes log lines to standard error.
///
/// The filter applies only to this layer, so `log = "warn"` does not remove spans from traces.
///
/// # Errors
/// [`ErrorKind::LogFilter`] if `filter` is not valid.
pub(crate) fn layer<S>(filter: &str, format: LogFormat) -> Result<Box<dyn Layer<S> + Send + Sync>, Error>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        let help = "write a level such as \"info\", or \"warn,spanbridge_ingest=debug\"";
        let message = format!("telemetry.log = {filter:?} is not a log filter: {error}; {help}");
        Error::new(ErrorKind::LogFilter, message).with_source(error)
    })?;
    let layer = fmt::layer().with_writer(stderr);
    Ok(match format {
        LogFormat::Text => layer.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => layer.json().with_span_list(false).with_filter(filter).boxed(),
    })
}

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::{Error, ErrorKind, Format};

/// The layer that writes log lines to standard error.
///
/// The filter belongs to this layer alone, so that `log = "warn"` does not take the spans away from traces.
pub(crate) fn layer<S>(filter: &str, format: Format) -> Result<Box<dyn Layer<S> + Send + Sync>, Error>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        let hint = "write a level such as \"info\", or \"warn,spanbridge_ingest=debug\"";
        Error::new(
            ErrorKind::LogFilter,
            format!("telemetry.log = {filter:?} is no log filter: {error}; {hint}"),
        )
        .because(error)
    })?;
    let layer = fmt::layer().with_writer(stderr);
    Ok(match format {
        Format::Text => layer.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
        Format::Json => layer.json().with_span_list(false).with_filter(filter).boxed(),
    })
}

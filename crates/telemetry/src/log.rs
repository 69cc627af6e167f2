//! Log lines on standard error.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;

use tracing::Subscriber;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, reload};

use crate::{Error, ErrorKind, LogFormat, log_crate};

/// The filter of log lines, which can change while the process runs. Clones share it.
#[derive(Clone)]
pub struct LogControl(Arc<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl LogControl {
    /// Replaces the filter. An invalid filter changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::LogFilter`] if `filter` is not valid.
    pub fn set_filter(&self, filter: &str) -> Result<(), Error> {
        let replaced = (self.0)(parse(filter)?);
        replaced.map_err(|error| {
            let message = format!("The log filter cannot be replaced: {error}");
            Error::new(ErrorKind::LogFilter, message).with_source(error)
        })?;
        log_crate::follow_filter();
        Ok(())
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogControl")
    }
}

/// Creates the layer that writes log lines to standard error, and the control of its filter.
///
/// The filter applies only to this layer, so `log = "warn"` does not remove spans from traces.
///
/// # Errors
/// [`ErrorKind::LogFilter`] if `filter` is not valid.
pub(crate) fn layer<S>(
    filter: &str,
    format: LogFormat,
) -> Result<(Box<dyn Layer<S> + Send + Sync>, LogControl), Error>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let control = LogControl(Arc::new(move |filter| handle.reload(filter)));
    let layer = tracing_subscriber::fmt::layer().with_writer(stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => layer.json().with_span_list(false).with_filter(filter).boxed(),
    };
    Ok((layer, control))
}

fn parse(filter: &str) -> Result<EnvFilter, Error> {
    EnvFilter::try_new(filter).map_err(|error| {
        let help = "write a level such as \"info\", or \"warn,spanbridge_ingest=debug\"";
        let message = format!("telemetry.log = {filter:?} is not a log filter: {error}; {help}");
        Error::new(ErrorKind::LogFilter, message).with_source(error)
    })
}

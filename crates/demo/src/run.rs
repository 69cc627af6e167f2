use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::scenario;

/// Runs the demo. A Ctrl-C or SIGTERM ends it at once, with everything that it started.
///
/// # Errors
/// A prerequisite is missing, Kafka, Spanner, the registry or a service failed, or a check failed.
pub async fn run(options: Options) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot wait for SIGTERM: {error}")))?;
    let interrupt = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(interrupt);
    let outcome = tokio::select! {
        outcome = scenario::run(&options) => outcome?,
        () = &mut interrupt => {
            let message = "the demo was interrupted; run it again to see its checks";
            return Err(Error::new(ErrorKind::Interrupted, message));
        }
    };
    outcome.report().print(options.json)?;
    if options.keep {
        outcome.keep_running_until(interrupt).await?;
    }
    outcome.finish().await
}

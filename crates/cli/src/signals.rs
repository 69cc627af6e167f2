use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// The exit code after a second signal, as shells report SIGINT.
pub(crate) const INTERRUPTED_EXIT_CODE: i32 = 130;

/// Cancels `shutdown` at the first SIGTERM or SIGINT, and exits the process at the second.
pub(crate) fn cancel_on_signal(shutdown: CancellationToken) -> Result<()> {
    let listen = |kind, name: &str| {
        signal(kind).map_err(|error| {
            Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot wait for {name}: {error}"))
        })
    };
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate(), "SIGTERM")?, listen(SignalKind::interrupt(), "SIGINT")?);
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_first {
                tracing::info!("shutting down; a second signal exits at once");
                shutdown.cancel();
            }
        }
        std::process::exit(INTERRUPTED_EXIT_CODE);
    });
    Ok(())
}

//! SIGHUP reads the log filter and the secrets again.

use std::path::PathBuf;

use spanbridge_config::{Config, Error};
use spanbridge_telemetry::LogControl;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::{Error as CommandError, ErrorKind, Result};

/// The parts of a running process that SIGHUP changes ("Reload on SIGHUP", docs/design/supervision.md).
pub(super) struct Reload {
    /// The configuration file.
    pub(super) path: PathBuf,
    pub(super) log: LogControl,
    /// Requests to read the secrets again.
    pub(super) secrets: mpsc::Sender<()>,
}

impl Reload {
    /// Starts to wait for SIGHUP.
    ///
    /// # Errors
    /// The operating system refuses the signal handler.
    pub(super) fn start(self) -> Result<()> {
        let hangups = signal(SignalKind::hangup()).map_err(|error| {
            let message = format!("cannot wait for SIGHUP: {error}");
            CommandError::new(ErrorKind::Failed, "SB-CLI-IO", message)
        })?;
        tokio::spawn(self.run(hangups));
        Ok(())
    }

    async fn run(self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            match self.apply() {
                Ok(()) => {
                    tracing::info!("SIGHUP: the log filter is applied, and the secrets are read again");
                    // A request that is not served yet also covers this one.
                    let _ = self.secrets.try_send(());
                }
                Err(error) => tracing::error!(code = error.kind().code(), "SIGHUP changes nothing: {error}"),
            }
        }
    }

    /// Validates the whole file before anything changes.
    fn apply(&self) -> std::result::Result<(), Error> {
        let config = Config::load(&self.path)?;
        config.check_references()?;
        let filter = &config.telemetry.log;
        self.log.set_filter(filter).map_err(|error| {
            let help = "write a level such as \"info\", or \"warn,spanbridge_ingest=debug\"";
            config.error_at(filter.span, error.code(), error.to_string(), help)
        })
    }
}

//! The outcome of a run: the report, and the environment that still runs.

use std::path::{Path, PathBuf};

use spanbridge_testbed::child_process::{Service, WorkerSetup};
use tempfile::TempDir;

use super::environment::Environment;
use super::fleet::Fleet;
use super::report::Report;
use crate::error::{Error, ErrorKind, Result};

/// The outcome of a run.
pub(super) struct Outcome {
    report: Report,
    environment: Environment,
    setup: WorkerSetup,
    folder: Folder,
}

impl Outcome {
    pub(super) fn new(report: Report, environment: Environment, setup: WorkerSetup, folder: Folder) -> Self {
        Self { report, environment, setup, folder }
    }

    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// Starts the services again, prints all addresses, and waits until `end`.
    pub(super) async fn keep_running_until(&self, end: impl Future<Output = ()>) -> Result<()> {
        let start = |service| Fleet::start(&self.setup, service, self.report.figures.workers_each);
        let mut fleets = [start(Service::Ingest)?, start(Service::Publish)?];
        for fleet in &mut fleets {
            fleet.wait_until_ready().await?;
        }
        let (addresses, names) = (&self.environment.addresses, &self.environment.names);
        eprintln!("Kafka            {}", addresses.kafka);
        eprintln!("Spanner          {} (gRPC), {} (REST)", addresses.spanner, addresses.spanner_rest);
        eprintln!("database         {}", names.database);
        eprintln!("registry         {}", addresses.registry);
        eprintln!("topics           {}", names.topics().join(" "));
        for fleet in &fleets {
            let ports =
                fleet.admin_addresses().into_iter().map(|address| format!("http://{address}/metrics"));
            eprintln!("{:<16} {}", fleet.service().name(), ports.collect::<Vec<_>>().join(" "));
        }
        eprintln!("configuration    {}", self.setup.config.display());
        eprintln!("press Ctrl-C to stop everything");
        end.await;
        for fleet in fleets {
            fleet.stop().await?;
        }
        Ok(())
    }

    /// Stops the environment.
    ///
    /// # Errors
    /// Something could not be stopped, or a check failed; after a failed check the logs are kept.
    pub(super) async fn finish(self) -> Result<()> {
        self.environment.stop().await?;
        self.report.check_passed().map_err(|error| error.with_logs(self.folder.keep()))
    }
}

/// The temporary folder with the configuration and the logs of the services.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spanbridge-demo-").tempdir();
        let failed = |error| Error::new(ErrorKind::Io, format!("cannot create a temporary folder: {error}"));
        folder.map(Self).map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps the folder and returns its path.
    fn keep(self) -> PathBuf {
        self.0.keep()
    }
}

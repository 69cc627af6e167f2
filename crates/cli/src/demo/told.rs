//! What is left when the story is told: the report, and parts that still run.

use std::path::Path;

use tempfile::TempDir;

use super::fleet::Fleet;
use super::parts::Parts;
use super::report::Report;
use crate::worker::{Service, Setup};
use crate::{Error, Result};

pub(super) struct Told {
    report: Report,
    parts: Parts,
    setup: Setup,
    folder: Folder,
}

impl Told {
    pub(super) fn new(report: Report, parts: Parts, setup: Setup, folder: Folder) -> Self {
        Self { report, parts, setup, folder }
    }

    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// Starts the services again, says where everything is, and waits until `end`.
    pub(super) async fn stay(&self, end: impl Future<Output = ()>) -> Result<()> {
        let start = |service| Fleet::start(&self.setup, service, self.report.figures.workers_each);
        let mut fleets = [start(Service::Ingest)?, start(Service::Publish)?];
        for fleet in &mut fleets {
            fleet.ready().await?;
        }
        let (addresses, names) = (&self.parts.addresses, &self.parts.names);
        eprintln!("Kafka            {}", addresses.kafka);
        eprintln!("Spanner          {} (gRPC), {} (REST)", addresses.spanner, addresses.spanner_rest);
        eprintln!("database         {}", names.database);
        eprintln!("registry         {}", addresses.registry);
        eprintln!("topics           {}", names.topics().join(" "));
        for fleet in &fleets {
            let ports = fleet.addresses().into_iter().map(|address| format!("http://{address}/metrics"));
            eprintln!("{:<16} {}", fleet.service().name(), ports.collect::<Vec<_>>().join(" "));
        }
        eprintln!("configuration    {}", self.setup.config.display());
        eprintln!("Ctrl-C ends all of it");
        end.await;
        for fleet in fleets {
            fleet.stop().await?;
        }
        Ok(())
    }

    /// Ends the parts.
    ///
    /// # Errors
    /// That a check has failed; then the logs are kept.
    pub(super) async fn end(self) -> Result<()> {
        self.parts.stop().await?;
        let verdict = self.report.verdict();
        verdict.map_err(|error| self.folder.keep(error))
    }
}

/// Configuration and logs of the services.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spanbridge-demo-").tempdir();
        folder.map(Self).map_err(|error| Error::io("cannot make a temporary folder", &error))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// It stays, and the error says where.
    fn keep(self, error: Error) -> Error {
        error.help(format!("configuration and logs of the services are kept in {}", self.0.keep().display()))
    }
}

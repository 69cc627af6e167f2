use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::{Cache, versioned};
use crate::child::Stop;
use crate::component::{Component, Program};
use crate::error::Error;
use crate::java::{Archive, Java};
use crate::maven;
use crate::port::Port;
use crate::probe;

const POM: &str = include_str!("pom.xml");

/// The lowest Java version for Apicurio Registry 3.3.
const MIN_JAVA: u32 = 21;

/// Apicurio Registry with its database in memory.
#[derive(Debug, Clone)]
pub(crate) struct Apicurio {
    java: Java,
    archive: Archive,
    application: PathBuf,
}

impl Apicurio {
    pub(crate) const HTTP: usize = 0;
    const MANAGEMENT: usize = 1;

    /// Installs Apicurio Registry if necessary.
    pub(crate) fn install() -> Result<Self, Error> {
        let java = Java::find(MIN_JAVA)?;
        let cache = Cache::open()?;
        let name = versioned("apicurio-registry-3.3.3", &[POM]);
        let application = cache.entry(&name, |part| maven::download(&cache, POM, "unpack", part))?;
        let plain = Self { java, archive: Archive::None, application };
        let archive = plain.java.archived(&cache, &name, |archive| {
            Component::start_new(Self { archive, ..plain.clone() })?.stop(Stop::Clean)
        });
        Ok(Self { archive, ..plain })
    }
}

impl Program for Apicurio {
    const NAME: &'static str = "registry";
    const PORTS: usize = 2;
    const START_TIMEOUT: Duration = Duration::from_secs(180);

    fn prepare(&self, _folder: &Path, _ports: &[Port]) -> Result<(), Error> {
        Ok(())
    }

    fn command(&self, folder: &Path, ports: &[Port]) -> Command {
        let mut command = self.java.command(&self.archive);
        command.args([
            "-Xmx384m",
            "-Dapicurio.storage.kind=sql",
            // BACKWARD is the default of the Confluent registry; Apicurio's default is NONE.
            "-Dapicurio.rules.global.compatibility=BACKWARD",
            // By default the management port listens on all interfaces.
            "-Dquarkus.http.host=127.0.0.1",
            "-Dquarkus.management.host=127.0.0.1",
        ]);
        command.arg(format!("-Dquarkus.http.port={}", ports[Self::HTTP].number()));
        command.arg(format!("-Dquarkus.management.port={}", ports[Self::MANAGEMENT].number()));
        command.arg("-jar").arg(self.application.join("quarkus-run.jar"));
        command.current_dir(folder);
        command
    }

    fn answers(&self, ports: &[Port]) -> bool {
        probe::http_ok(ports[Self::MANAGEMENT].number(), "/health/ready")
    }
}

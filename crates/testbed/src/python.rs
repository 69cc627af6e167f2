//! Python with packages from PyPI, to run the stock Kafka clients of another language.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::{Cache, versioned};
use crate::child;
use crate::component::{off_thread, write};
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::prerequisite;
use crate::spawner;

/// The timeout of an installation.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// The timeout of one run of a script.
const RUN_TIMEOUT: Duration = Duration::from_secs(4 * 60);

/// A Python virtual environment.
#[derive(Debug, Clone)]
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// Returns the environment with these requirements, which pin each version. It is created once per text and Python
    /// version, with the user's own pip and settings.
    ///
    /// # Errors
    /// [`ErrorKind::MissingPrerequisite`] without Python 3 and its venv; [`ErrorKind::Install`] when pip fails.
    pub async fn with(requirements: &str) -> Result<Self, Error> {
        let requirements = requirements.to_owned();
        off_thread(move || {
            let python = prerequisite::python()?;
            let version = Command::new(&python).arg("-VV").output();
            let version = version.map_err(|error| Error::io("cannot run python3", &error))?.stdout;
            let version = String::from_utf8_lossy(&version);
            let cache = Cache::open()?;
            let name = versioned("python", &[&python.to_string_lossy(), &version, &requirements]);
            let home = cache.entry(&name, |part| install(&python, &requirements, part))?;
            Ok(Self { program: home.join("bin/python") })
        })
        .await
    }

    /// Runs a script until it exits and returns its output with warnings. The script ends with this process.
    ///
    /// # Errors
    /// [`ErrorKind::Exited`] when it fails, [`ErrorKind::Timeout`] when it takes minutes, with the end of its output.
    pub async fn run(&self, script: &Path, arguments: &[&str]) -> Result<String, Error> {
        let mut command = spawner::guarded(&self.program);
        command.arg(script).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        off_thread(move || {
            let folder = Folder::new("python")?;
            let log = folder.path().join("output");
            child::run("the Python script", command, log.clone(), RUN_TIMEOUT).map_err(
                |error| match error.kind() {
                    ErrorKind::Install => Error::new(ErrorKind::Exited, error.to_string()),
                    _ => error,
                },
            )?;
            std::fs::read_to_string(&log)
                .map_err(|error| Error::io(format_args!("cannot read {}", log.display()), &error))
        })
        .await
    }
}

fn install(python: &Path, requirements: &str, home: &Path) -> Result<(), Error> {
    let folder = Folder::new("pip")?;
    let log = folder.path().join("pip.log");
    let mut venv = spawner::guarded(python);
    venv.args(["-m", "venv"]).arg(home);
    child::run("python3 -m venv", venv, log.clone(), INSTALL_TIMEOUT).map_err(|error| {
        match error.kind() {
            // Debian packages venv separately.
            ErrorKind::Install => prerequisite::missing(format!("{error}\ninstall the package python3-venv")),
            _ => error,
        }
    })?;
    let file = folder.path().join("requirements.txt");
    write(file.clone(), requirements)?;
    // The folder is renamed later, so the scripts in it, which contain its path, must not be used.
    let mut pip = spawner::guarded(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--no-input", "--only-binary=:all:", "-r"]).arg(file);
    tracing::info!("downloading missing packages from PyPI");
    child::run("pip", pip, log, INSTALL_TIMEOUT)
}

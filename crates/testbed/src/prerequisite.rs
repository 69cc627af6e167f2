//! Finds the programs that the testbed needs, and names what to install.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// The variable that names the folder of the Spanner emulator's programs, or its `gateway_main`.
const EMULATOR: &str = "SPANBRIDGE_EMULATOR";

pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

pub(crate) fn setpriv() -> Result<PathBuf, Error> {
    in_path("setpriv").ok_or_else(|| missing("`setpriv` is not in PATH; install the package util-linux"))
}

pub(crate) fn maven() -> Result<PathBuf, Error> {
    in_path("mvn")
        .ok_or_else(|| missing("`mvn` is not in PATH; install Apache Maven 3.6 or later (package maven)"))
}

pub(crate) fn python() -> Result<PathBuf, Error> {
    in_path("python3").ok_or_else(|| {
        missing("`python3` is not in PATH; install Python 3.10 or later (packages python3 and python3-venv)")
    })
}

/// The programs of the Spanner emulator.
#[derive(Debug, Clone)]
pub(crate) struct EmulatorPrograms {
    /// The gateway, which serves REST and starts the server.
    pub(crate) gateway: PathBuf,
    /// The server, which serves gRPC.
    pub(crate) server: PathBuf,
}

impl EmulatorPrograms {
    pub(crate) fn find() -> Result<Self, Error> {
        if let Some(named) = std::env::var_os(EMULATOR).filter(|value| !value.is_empty()) {
            let named = PathBuf::from(named);
            let folder = if named.is_dir() { Some(named.as_path()) } else { named.parent() };
            return folder.and_then(Self::in_folder).ok_or_else(|| {
                missing(format!(
                    "{EMULATOR} is {}, which has no gateway_main and emulator_main",
                    named.display()
                ))
            });
        }
        let in_sdk =
            || Some(in_path("gcloud")?.canonicalize().ok()?.parent()?.join("cloud_spanner_emulator"));
        let beside = || Some(in_path("gateway_main")?.canonicalize().ok()?.parent()?.to_owned());
        [in_sdk(), beside()].into_iter().flatten().find_map(|folder| Self::in_folder(&folder)).ok_or_else(|| {
            missing(format!(
                "no Spanner emulator; install it with `gcloud components install cloud-spanner-emulator` or the package \
                 google-cloud-cli-spanner-emulator, or set {EMULATOR} to the folder of its gateway_main"
            ))
        })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let (gateway, server) = (folder.join("gateway_main"), folder.join("emulator_main"));
        (gateway.is_file() && server.is_file()).then_some(Self { gateway, server })
    }
}

pub(crate) fn missing(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::MissingPrerequisite, message)
}

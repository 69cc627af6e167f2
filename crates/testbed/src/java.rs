//! Finds a Java runtime of a sufficient version, and speeds up the start of its programs.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;
use crate::error::Error;
use crate::prerequisite::{in_path, missing};
use crate::spawner;

/// The variable that names the home folder of Java 21 or later.
const JAVA21: &str = "SPANBRIDGE_JAVA21";

/// Options for a quick start and little memory, at the expense of peak speed.
const QUICK_START_OPTIONS: [&str; 3] =
    ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"];

/// A Java runtime.
#[derive(Debug, Clone)]
pub(crate) struct Java {
    home: PathBuf,
    major: u32,
    /// A hash of the build. A class archive fits only the build that wrote it.
    build: u64,
}

impl Java {
    /// Finds the first runtime with at least the major version `least`: in `$SPANBRIDGE_JAVA21`, `$JAVA_HOME`, PATH, then
    /// the newest in `/usr/lib/jvm`.
    pub(crate) fn find(least: u32) -> Result<Self, Error> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(home) = set(JAVA21) {
            let java = Self::at(&home).filter(|java| java.major >= least);
            return java.ok_or_else(|| {
                missing(format!("{JAVA21} is {}, which is no Java {least} or later", home.display()))
            });
        }
        let in_path =
            in_path("java").and_then(|java| java.canonicalize().ok()?.ancestors().nth(2).map(Path::to_owned));
        let named = [set("JAVA_HOME"), in_path].into_iter().flatten().filter_map(|home| Self::at(&home));
        let folders = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
        let mut installed: Vec<_> = folders.filter_map(|folder| Self::at(&folder.path())).collect();
        installed.sort_by(|a, b| (b.major, &a.home).cmp(&(a.major, &b.home)));
        named.chain(installed).find(|java| java.major >= least).ok_or_else(|| {
            missing(format!(
                "no Java {least} or later; install one (package openjdk-{least}-jre-headless, or Eclipse Temurin), or set \
                 {JAVA21} to its home folder"
            ))
        })
    }

    /// Returns the runtime in this home folder. Every OpenJDK build has a `release` file.
    fn at(home: &Path) -> Option<Self> {
        if !home.join("bin/java").is_file() {
            return None;
        }
        let release = std::fs::read_to_string(home.join("release")).ok()?;
        let major = major(&release)?;
        let build = BuildHasherDefault::<DefaultHasher>::default().hash_one(&release);
        Some(Self { home: home.to_owned(), major, build })
    }

    /// Returns the class archive of `program` for this build. `train` runs the program once to write a missing archive.
    /// Without an archive the program only starts more slowly.
    pub(crate) fn archived(
        &self,
        cache: &Cache,
        program: &str,
        train: impl FnOnce(Archive) -> Result<(), Error>,
    ) -> Archive {
        let name = format!("{program}-java{}-{:016x}.jsa", self.major, self.build);
        match cache.entry(&name, |part| train(Archive::Write(part.to_owned()))) {
            Ok(path) => Archive::Read(path),
            Err(error) => {
                tracing::warn!(%error, program, "cannot create a class archive; starting without one");
                Archive::None
            }
        }
    }

    /// Creates a command that runs this Java and ends with this process.
    pub(crate) fn command(&self, archive: &Archive) -> Command {
        let mut command = spawner::guarded(self.home.join("bin/java"));
        command.args(QUICK_START_OPTIONS);
        match archive {
            Archive::None => {}
            Archive::Read(path) => {
                command.arg(format!("-XX:SharedArchiveFile={}", path.display()));
            }
            Archive::Write(path) => {
                command.arg(format!("-XX:ArchiveClassesAtExit={}", path.display()));
            }
        }
        command
    }
}

/// A class-data archive (JEP 350), which halves the start-up time of a large program.
#[derive(Debug, Clone)]
pub(crate) enum Archive {
    /// Start without an archive.
    None,
    /// The path of an archive to use.
    Read(PathBuf),
    /// The path to which the program writes its archive when it exits, also after SIGTERM.
    Write(PathBuf),
}

fn major(release: &str) -> Option<u32> {
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"');
    version.split(['.', '-', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_file_has_the_version() {
        assert_eq!(major("IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"17.0.15\"\n"), Some(17));
        assert_eq!(major("JAVA_VERSION=\"25\""), Some(25));
        assert_eq!(major("JAVA_VERSION=\"22-ea\""), Some(22));
        assert_eq!(major("JAVA_VERSION=\"1.8.0_402\""), Some(1));
        assert_eq!(major("nothing"), None);
    }

    #[test]
    fn message_names_the_missing_version() {
        let error = Java::find(9999).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::MissingPrerequisite);
        assert!(error.to_string().contains("9999"), "{error}");
    }
}

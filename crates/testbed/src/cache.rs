//! The cache of downloads and prepared folders, shared by all processes of this user.

use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// The variable that names the cache folder.
pub(crate) const CACHE: &str = "SPANBRIDGE_TESTBED_CACHE";

/// The timeout for a lock. It is longer than the slowest installation of another process.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The folder of installed components. An entry is either complete or absent.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens `$SPANBRIDGE_TESTBED_CACHE`, or `spanbridge/testbed` in `$XDG_CACHE_HOME` or `~/.cache`.
    pub(crate) fn open() -> Result<Self, Error> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = || set("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")));
        let root = set(CACHE).or_else(|| Some(user()?.join("spanbridge/testbed"))).ok_or_else(|| {
            Error::new(
                ErrorKind::Install,
                format!("no home folder to cache downloads in; set {CACHE} to a folder"),
            )
        })?;
        let root = std::path::absolute(&root).unwrap_or(root);
        create(&root)?;
        Ok(Self { root })
    }

    /// Returns a plain folder inside the cache.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.root.join(name);
        create(&folder)?;
        Ok(folder)
    }

    /// Returns the entry `name`, a file or a folder. `make` creates a missing entry at the given path. One process at a time
    /// does so; the others wait for it.
    pub(crate) fn entry(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let entry = self.root.join(name);
        if entry.exists() {
            return Ok(entry);
        }
        let _lock = self.lock(name)?;
        if entry.exists() {
            return Ok(entry);
        }
        let part = self.root.join(format!(".{name}.part"));
        remove(&part)?;
        make(&part)?;
        std::fs::rename(&part, &entry)
            .map_err(|error| Error::io(format_args!("cannot rename {} to {name}", part.display()), &error))?;
        Ok(entry)
    }

    /// Waits for the lock `name`. Dropping the returned file releases it.
    pub(crate) fn lock(&self, name: &str) -> Result<File, Error> {
        let path = self.root.join(format!(".{name}.lock"));
        let file = File::create(&path)
            .map_err(|error| Error::io(format_args!("cannot create the lock {}", path.display()), &error))?;
        let end = Instant::now() + LOCK_TIMEOUT;
        while let Err(error) = file.try_lock() {
            if let std::fs::TryLockError::Error(error) = error {
                return Err(Error::io(format_args!("cannot lock {}", path.display()), &error));
            }
            if Instant::now() > end {
                let what = format!("another process has held {} for {LOCK_TIMEOUT:?}", path.display());
                return Err(Error::new(ErrorKind::Timeout, format!("{what}; end it and try again")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(file)
    }
}

/// Returns `name` with a hash of its sources.
pub(crate) fn versioned(name: &str, sources: &[&str]) -> String {
    format!("{name}-{:016x}", BuildHasherDefault::<DefaultHasher>::default().hash_one(sources))
}

fn create(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::io(
            format_args!("cannot create {}; set {CACHE} to a folder that can be written", folder.display()),
            &error,
        )
    })
}

/// Removes what a killed process has left incomplete.
fn remove(part: &Path) -> Result<(), Error> {
    let removed = if part.is_dir() { std::fs::remove_dir_all(part) } else { std::fs::remove_file(part) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("cannot remove {}", part.display()), &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn entry_is_created_once_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { root: folder.path().to_owned() };
        let made = AtomicUsize::new(0);
        std::fs::write(folder.path().join(".thing.part"), "half").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let entry = cache.entry("thing", |part| {
                        made.fetch_add(1, Ordering::SeqCst);
                        assert!(!part.exists());
                        std::fs::create_dir(part).unwrap();
                        std::fs::write(part.join("file"), "whole").unwrap();
                        Ok(())
                    });
                    assert_eq!(std::fs::read_to_string(entry.unwrap().join("file")).unwrap(), "whole");
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn failed_entry_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { root: folder.path().to_owned() };
        let failed = cache.entry("thing", |part| {
            std::fs::write(part, "half").unwrap();
            Err(Error::new(ErrorKind::Install, "no network"))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Install);
        assert!(!folder.path().join("thing").exists());
        cache
            .entry("thing", |part| std::fs::write(part, "whole").map_err(|e| Error::io("write", &e)))
            .unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("thing")).unwrap(), "whole");
    }
}

//! Temporary folders of the components, which are removed however this process ends.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::error::Error;

/// When set and not empty, folders (and the logs in them) are kept.
const KEEP: &str = "SPANBRIDGE_TESTBED_KEEP";

/// A script that waits for the end of its standard input, which comes when this process ends, and removes the folder. It
/// tries several times, because a component that is being killed may still write.
const SWEEP: &str = r#"read -r _; n=0
until rm -rf -- "$0" || [ $n -ge 100 ]; do n=$((n+1)); sleep 0.1; done"#;

/// This process's root folder and the shell that removes it in the end.
struct Root {
    path: PathBuf,
    _sweeper: Option<Child>,
}

static ROOT: Mutex<Option<Root>> = Mutex::new(None);

/// The folder of one component, which is removed when it is dropped.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new(component: &str) -> Result<Self, Error> {
        let root = root().map_err(|error| Error::io("cannot create a temporary folder", &error))?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(&format!("{component}-")).disable_cleanup(keep()).tempdir_in(&root);
        folder
            .map(Self)
            .map_err(|error| Error::io(format_args!("cannot create a folder in {}", root.display()), &error))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

fn keep() -> bool {
    std::env::var_os(KEEP).is_some_and(|value| !value.is_empty())
}

fn root() -> std::io::Result<PathBuf> {
    let mut root = ROOT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(root) = root.as_ref() {
        return Ok(root.path.clone());
    }
    let folder = tempfile::Builder::new().prefix("spanbridge-testbed-").tempdir()?;
    let sweeper = if keep() { None } else { Some(sweeper(folder.path())?) };
    let path = folder.keep();
    *root = Some(Root { path: path.clone(), _sweeper: sweeper });
    Ok(path)
}

/// Starts the script that removes the folder. It has no parent-death signal, because it must outlive this process, and not
/// the output of this process, whose end somebody may wait for.
fn sweeper(folder: &Path) -> std::io::Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", SWEEP]).arg(folder).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

//! Downloads what a pom names, with the user's own Maven and settings.

use std::path::Path;
use std::time::Duration;

use crate::cache::Cache;
use crate::child;
use crate::component::write;
use crate::error::Error;
use crate::folder::Folder;
use crate::prerequisite;
use crate::spawner;

/// The timeout of one run of Maven.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Runs `goal` of the dependency plugin on `pom`, with its output in the folder `to`.
pub(crate) fn download(cache: &Cache, pom: &str, goal: &str, to: &Path) -> Result<(), Error> {
    let maven = prerequisite::maven()?;
    let folder = Folder::new("maven")?;
    let file = folder.path().join("pom.xml");
    write(file.clone(), pom)?;
    // Maven's local repository does not support concurrent writers.
    let _exclusive = cache.lock("maven")?;
    let mut command = spawner::guarded(maven);
    command.args(["-q", "-B", "-f"]).arg(file).arg(format!("dependency:{goal}"));
    command.arg(format!("-DoutputDirectory={}", to.display()));
    tracing::info!(goal, "downloading missing artifacts from Maven Central");
    child::run("Maven", command, folder.path().join("maven.log"), TIMEOUT)
}

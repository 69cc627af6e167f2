//! Gets what a pom names, through the user's own Maven and its settings.

use std::path::Path;
use std::time::Duration;

use crate::cache::Cache;
use crate::child;
use crate::error::Error;
use crate::folder::Folder;
use crate::part::write;
use crate::prerequisite;
use crate::spawner;

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs `goal` of the dependency plugin on `pom`, with its output in the folder `to`.
pub(crate) fn get(cache: &Cache, pom: &str, goal: &str, to: &Path) -> Result<(), Error> {
    let maven = prerequisite::maven()?;
    let folder = Folder::new("maven")?;
    let file = folder.path().join("pom.xml");
    write(file.clone(), pom)?;
    // Maven's local repository is not made for several writers.
    let _one_at_a_time = cache.lock("maven")?;
    let mut command = spawner::guarded(maven);
    command.args(["-q", "-B", "-f"]).arg(file).arg(format!("dependency:{goal}"));
    command.arg(format!("-DoutputDirectory={}", to.display()));
    tracing::info!(goal, "getting what is missing from Maven Central");
    child::run("Maven", command, folder.path().join("maven.log"), LIMIT)
}

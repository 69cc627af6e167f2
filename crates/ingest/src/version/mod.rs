//! Versions of a pipeline side by side: `spanbridge replay`.
//!
//! A new version is rebuilt from the log while readers still see the previous one. It is compared with that version and
//! then becomes the active one. One row of `BridgeVersions` determines the version that readers see, and every `Live` view
//! reads it in the same snapshot as the data. A switch is therefore one commit for all tables and all readers
//! (docs/design/ingest-versions.md).
//!
//! ```text
//! start            creates tables and views, registers the first positions
//! start_position   --from: earliest, a time or offsets
//! progress         how far a version has applied the log, compared with another version
//! compare/         the tables of two versions row by row, at one instant
//! switch           makes a version the active one
//! drop             deletes a version: tables first, positions last
//! version_state    the row of BridgeVersions
//! live_views       the DDL of the Live views
//! positions        the stored positions of versions
//! transaction      repeats an aborted transaction
//! ```

pub mod compare;
mod drop;
mod live_views;
mod positions;
mod progress;
mod start;
mod start_position;
mod switch;
pub(crate) mod transaction;
mod version_state;

use std::collections::BTreeSet;

use spanbridge_config::{Ingest, Version};

use crate::plan::Plan;
use crate::{Environment, Error, ErrorKind};
pub use drop::{DropReport, drop, tables};
use live_views::LiveViews;
pub use positions::Positions;
pub use progress::{VersionPartition, VersionProgress, progress};
pub use start::{StartReport, StartedPartition, start};
pub use start_position::StartPosition;
pub use switch::{SwitchCondition, SwitchReport, switch};
pub use version_state::VersionState;

/// The versions of one pipeline in the configuration file.
#[derive(Clone)]
pub struct Versions<'a> {
    environment: Environment<'a>,
    name: &'a str,
    /// The pipelines in the order of their versions, at least one.
    pipelines: Vec<&'a Ingest>,
}

impl<'a> Versions<'a> {
    /// Returns all versions of a pipeline.
    ///
    /// # Errors
    /// The file has no pipeline of that name.
    pub fn new(environment: Environment<'a>, name: &str) -> Result<Self, Error> {
        let named = |pipeline: &&Ingest| pipeline.name == name;
        let mut pipelines: Vec<&Ingest> = environment.config.ingest.iter().filter(named).collect();
        pipelines.sort_by_key(|pipeline| pipeline.version);
        let Some(first) = pipelines.first() else {
            let message = format!("{} has no [[ingest]] pipeline of that name", environment.config.name());
            return Err(Error::new(ErrorKind::UnknownVersion, name, message));
        };
        Ok(Self { environment, name: first.name.as_str(), pipelines })
    }

    /// Returns the pipeline's name, which all versions share.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// Returns the highest version in the file.
    #[must_use]
    pub fn newest(&self) -> Version {
        self.pipelines.last().map_or(Version::FIRST, |pipeline| pipeline.version)
    }

    fn find(&self, version: Version) -> Option<&'a Ingest> {
        self.pipelines.iter().find(|pipeline| pipeline.version == version).copied()
    }

    /// Returns the pipeline of a version.
    ///
    /// # Errors
    /// The file does not have the version.
    fn required(&self, version: Version) -> Result<&'a Ingest, Error> {
        self.find(version).ok_or_else(|| {
            let file = self.environment.config.name();
            self.error(
                ErrorKind::UnknownVersion,
                format!("{file} does not have version {version} of this pipeline"),
            )
        })
    }

    /// Returns the tables of all versions by their names in the file, in its order.
    fn tables(&self) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let all = self
            .pipelines
            .iter()
            .flat_map(|pipeline| pipeline.tables.iter().map(|table| pipeline.logical(table)));
        all.filter(|table| seen.insert(table.to_ascii_lowercase())).collect()
    }

    fn identity(&self, version: Version) -> String {
        version.identity(self.name)
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, self.name, message)
    }

    /// Returns the DDL that the Live views of this pipeline still need. There are none before the first start, because no
    /// version is active.
    ///
    /// # Errors
    /// Spanner does not answer, or a view cannot show all versions.
    pub async fn plan(&self) -> Result<Plan, Error> {
        let migrated = self.environment.database.table(version_state::TABLE).await?.is_some();
        let state =
            if migrated { VersionState::read(self.environment.database, self.name).await? } else { None };
        let Some(state) = state else {
            let note = format!("{}: there are no Live views before `spanbridge replay start`", self.name);
            let notes = if self.newest() > Version::FIRST { vec![note] } else { Vec::new() };
            return Ok(Plan { notes, ..Plan::default() });
        };
        let LiveViews { statements, notes, .. } = LiveViews::plan(self, Some(&state), None).await?;
        Ok(Plan { statements, notes })
    }
}

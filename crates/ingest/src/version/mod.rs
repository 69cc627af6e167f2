//! Versions of a pipeline side by side: a new one is rebuilt from the log while the one before is read, compared
//! with it, and switched to.
//!
//! What version a reader sees is one row of `BridgeVersions`, which every `Live` view reads in the same snapshot as
//! the rows. So a switch is one commit, for all tables and all readers.

mod beginning;
pub mod compare;
mod drop;
mod positions;
mod progress;
mod start;
mod state;
mod switch;
mod views;

use std::collections::BTreeSet;

use spanbridge_config::{Ingest, Version};

use crate::plan::Plan;
use crate::{Error, ErrorKind, Live};
pub use beginning::Beginning;
pub use drop::{Dropped, drop, tables};
pub use positions::Positions;
pub use progress::{Partition, Progress, progress};
pub use start::{Began, Started, start};
pub use state::State;
pub use switch::{Rule, Switched, switch};
use views::Views;

/// The versions of one pipeline that the file has.
#[derive(Clone)]
pub struct Versions<'a> {
    live: Live<'a>,
    name: &'a str,
    /// In the order of their versions; at least one.
    pipelines: Vec<&'a Ingest>,
}

impl<'a> Versions<'a> {
    /// # Errors
    /// The file has no pipeline of that name.
    pub fn new(live: Live<'a>, name: &str) -> Result<Self, Error> {
        let named = |pipeline: &&Ingest| pipeline.name == name;
        let mut pipelines: Vec<&Ingest> = live.config.ingest.iter().filter(named).collect();
        pipelines.sort_by_key(|pipeline| pipeline.version);
        let Some(first) = pipelines.first() else {
            let message = format!("{} has no [[ingest]] pipeline of that name", live.config.name());
            return Err(Error::new(ErrorKind::NoVersion, name, message));
        };
        Ok(Self { live, name: first.name.as_str(), pipelines })
    }

    /// The pipeline's name, which all its versions have.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The highest version of the file.
    pub fn newest(&self) -> Version {
        self.pipelines.last().map_or(Version::FIRST, |pipeline| pipeline.version)
    }

    fn find(&self, version: Version) -> Option<&'a Ingest> {
        self.pipelines.iter().find(|pipeline| pipeline.version == version).copied()
    }

    /// The version's own pipeline.
    fn required(&self, version: Version) -> Result<&'a Ingest, Error> {
        self.find(version).ok_or_else(|| {
            let file = self.live.config.name();
            self.error(ErrorKind::NoVersion, format!("{file} has no version {version} of it"))
        })
    }

    /// The tables of the file by the names that they have there, in its order.
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

    /// The DDL that the Live views of this pipeline still need. Before the first start nothing says which version
    /// they would show, so there are none.
    ///
    /// # Errors
    /// Spanner does not answer, or a view cannot be made.
    pub async fn plan(&self) -> Result<Plan, Error> {
        let migrated = self.live.database.table(state::TABLE).await?.is_some();
        let state = if migrated { State::read(self.live.database, self.name).await? } else { None };
        let Some(state) = state else {
            let note = format!("{}: no Live views before `spanbridge replay start`", self.name);
            let notes = if self.newest() > Version::FIRST { vec![note] } else { Vec::new() };
            return Ok(Plan { notes, ..Plan::default() });
        };
        let Views { statements, notes, .. } = Views::of(self, Some(&state), None).await?;
        Ok(Plan { statements, notes })
    }
}

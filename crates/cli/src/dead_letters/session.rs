use std::path::Path;

use spanbridge_config::Config;
use spanbridge_ingest::dead_letters::DeadLetterFilter;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::Database;

use super::args::SelectionArgs;
use super::filter::filter;
use crate::connections;
use crate::error::{Error, ErrorKind, Result};

/// The configuration and the connection of one action.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) database: Database,
    /// Spanner's current timestamp at the start of the command.
    pub(super) now: Timestamp,
}

impl Session {
    /// Loads the configuration and connects to the database.
    pub(super) async fn open(file: &Path) -> Result<Self> {
        let config = Config::load(file)?;
        let database = connections::database(&connections::spanner(&config, None)).await?;
        let now = database.now().await?;
        Ok(Self { config, database, now })
    }

    /// Opens a session, and returns it with the filter of the selected dead letters.
    pub(super) async fn select(selection: &SelectionArgs) -> Result<(Self, DeadLetterFilter)> {
        let session = Self::open(&selection.config).await?;
        if selection.pipeline.is_empty() && session.config.ingest.is_empty() {
            let message = format!("{} has no [[ingest]] pipeline", selection.config.display());
            return Err(Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message)
                .with_help("name one with --pipeline"));
        }
        let filter = filter(selection, &session.config, session.now);
        Ok((session, filter))
    }
}

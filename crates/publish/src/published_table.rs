//! The published columns of a table: those that the file selects and the change stream captures.

use std::collections::BTreeSet;

use spanbridge_config::{Config, Publish};
use spanbridge_protocol::table::Table;
use spanbridge_spanner::ChangeStreamInfo;

use crate::{Error, ErrorKind};

/// A table as the pipeline publishes it: as it is now, or was when it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedTable {
    /// The table with the published columns only.
    pub(crate) table: Table,
    /// The columns that the file leaves out.
    pub(crate) excluded: BTreeSet<String>,
    pub(crate) topic: String,
}

impl PublishedTable {
    /// Selects the columns that the file publishes and the change stream watches.
    ///
    /// # Errors
    /// A column of the primary key that the file leaves out, with its place in the file.
    pub(crate) fn new(
        config: &Config,
        publish: &Publish,
        stream: Option<&ChangeStreamInfo>,
        mut table: Table,
    ) -> Result<Self, Error> {
        let selection = &publish.selection;
        for key in table.key() {
            let pattern = selection.excluding(&table.name, &key.name);
            if let Some(pattern) = pattern.filter(|pattern| !matches_any_column(pattern)) {
                let message = format!("`{}` is in the primary key of {}", key.name, table.name);
                let help = "columns of the key cannot be left out: records are keyed by them";
                return Err(config.error_at(pattern.span, ErrorKind::Config.code(), message, help).into());
            }
        }
        // Changes omit columns that the stream does not watch.
        let watched = stream.and_then(|stream| {
            let is_this = |(name, _): &(&String, &BTreeSet<String>)| name.eq_ignore_ascii_case(&table.name);
            stream.columns.iter().find(is_this).map(|(_, columns)| columns)
        });
        let (name, mut excluded) = (table.name.clone(), BTreeSet::new());
        table.columns.retain(|column| {
            let is_watched = watched.is_none_or(|watched| watched.contains(&column.name));
            let is_selected = selection.takes_column(&name, &column.name);
            let is_key = column.key_ordinal.is_some();
            if !is_selected && !is_key {
                excluded.insert(column.name.clone());
            }
            // Change streams omit generated columns outside the primary key. Debezium publishes them as null.
            let is_captured = !column.generated || publish.compatible.is_some();
            is_selected && is_watched && is_captured || is_key
        });
        let topic = publish.topic(&table.name);
        Ok(Self { table, excluded, topic })
    }
}

/// True if a pattern excludes columns of any name. Such a pattern does not mean the key.
fn matches_any_column(pattern: &str) -> bool {
    pattern.rsplit_once('.').is_none_or(|(_, column)| column.contains('*'))
}

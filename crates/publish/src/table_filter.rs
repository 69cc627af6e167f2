//! The selection of tables.

use spanbridge_config::Publish;
use spanbridge_spanner::{ChangeStreamInfo, WatchedTables};

/// True if the change stream watches the table and the pipeline publishes it.
pub(crate) fn is_published(publish: &Publish, stream: &ChangeStreamInfo, table: &str) -> bool {
    let is_watched_by_name = match &stream.watched {
        WatchedTables::All => false,
        WatchedTables::Tables(tables) => {
            if !tables.iter().any(|watched| watched.eq_ignore_ascii_case(table)) {
                return false;
            }
            true
        }
    };
    publish.selection.takes_table(table, is_watched_by_name)
}

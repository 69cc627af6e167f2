use spanbridge_config::Publish;
use spanbridge_spanner::{ChangeStreamInfo, WatchedTables};

/// True if changes of this table are in the stream, and are published.
pub(crate) fn publishes(publish: &Publish, stream: &ChangeStreamInfo, table: &str) -> bool {
    let by_name = match &stream.watched {
        WatchedTables::All => false,
        WatchedTables::Tables(tables) if tables.iter().any(|watched| watched.eq_ignore_ascii_case(table)) => {
            true
        }
        WatchedTables::Tables(_) => return false,
    };
    publish.selection.takes_table(table, by_name)
}

//! The properties of the change stream that matter to its tables.

use std::collections::BTreeSet;

use spanbridge_spanner::{ChangeStreamInfo, WatchedTables};

use crate::transform::has_whole_rows;

/// The properties of a change stream that the transforms of its tables depend on.
pub(super) struct StreamProperties {
    has_whole_rows: bool,
    /// The tables that the stream watches by name, in lower case; `None` if it watches all tables.
    watched: Option<BTreeSet<String>>,
}

impl StreamProperties {
    pub(super) fn new(stream: &ChangeStreamInfo) -> Self {
        let watched = match &stream.watched {
            WatchedTables::Tables(tables) => {
                Some(tables.iter().map(|table| table.to_ascii_lowercase()).collect())
            }
            WatchedTables::All => None,
        };
        Self { has_whole_rows: has_whole_rows(stream.value_capture_type), watched }
    }

    /// True if updates are captured with all columns.
    pub(super) fn has_whole_rows(&self) -> bool {
        self.has_whole_rows
    }

    pub(super) fn watches_all(&self) -> bool {
        self.watched.is_none()
    }

    pub(super) fn watches_by_name(&self, table: &str) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.contains(&table.to_ascii_lowercase()))
    }

    pub(super) fn watched_names(&self) -> impl Iterator<Item = &String> {
        self.watched.iter().flatten()
    }
}

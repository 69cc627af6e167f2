//! The definition of a change stream.

use std::time::Duration;

use super::table::{Table, TableId};

/// The definition of a change stream.
#[derive(Debug, Clone)]
pub(crate) struct ChangeStream {
    pub(crate) name: String,
    pub(crate) watched: Watched,
    /// The options as written.
    pub(crate) options: Vec<(String, String)>,
    pub(crate) capture: Capture,
    /// True if a transaction may exclude itself from the stream.
    pub(crate) allows_exclusion: bool,
    pub(crate) retention: Duration,
}

#[derive(Debug, Clone)]
pub(crate) enum Watched {
    All,
    /// The tables, with the positions of the watched non-key columns of those that are watched in part.
    Tables(Vec<(TableId, Option<Vec<usize>>)>),
}

/// The values that a change record contains.
/// Source: <https://cloud.google.com/spanner/docs/change-streams#value-capture-type>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    OldAndNewValues,
    NewValues,
    NewRow,
    NewRowAndOldValues,
}

impl ChangeStream {
    /// Returns the positions of the watched non-key columns; `None` if the table is not watched.
    pub(crate) fn columns(&self, table: &Table) -> Option<Vec<usize>> {
        let all = || (0..table.columns.len()).filter(|&place| table.key_ordinal(place).is_none());
        match &self.watched {
            Watched::All => Some(all().collect()),
            Watched::Tables(tables) => {
                let (_, columns) = tables.iter().find(|(id, _)| *id == table.id)?;
                Some(all().filter(|place| columns.as_ref().is_none_or(|list| list.contains(place))).collect())
            }
        }
    }
}

impl Capture {
    const ALL: [Self; 4] = [Self::OldAndNewValues, Self::NewValues, Self::NewRow, Self::NewRowAndOldValues];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OldAndNewValues => "OLD_AND_NEW_VALUES",
            Self::NewValues => "NEW_VALUES",
            Self::NewRow => "NEW_ROW",
            Self::NewRowAndOldValues => "NEW_ROW_AND_OLD_VALUES",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// True if an update contains all watched columns after the change, not only the changed ones.
    pub(crate) fn has_whole_rows(self) -> bool {
        matches!(self, Self::NewRow | Self::NewRowAndOldValues)
    }

    pub(crate) fn has_old_values(self) -> bool {
        matches!(self, Self::OldAndNewValues | Self::NewRowAndOldValues)
    }
}

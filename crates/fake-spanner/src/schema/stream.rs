use std::time::Duration;

use super::table::{Table, TableId};

/// A change stream, as its definition says.
#[derive(Debug, Clone)]
pub(crate) struct ChangeStream {
    pub(crate) name: String,
    pub(crate) watched: Watched,
    /// As they are written.
    pub(crate) options: Vec<(String, String)>,
    pub(crate) capture: Capture,
    /// Whether a transaction may ask to be left out.
    pub(crate) allows_exclusion: bool,
    pub(crate) retention: Duration,
}

#[derive(Debug, Clone)]
pub(crate) enum Watched {
    All,
    /// Tables, and of those that are not watched as a whole the places of the columns, besides those of the key.
    Tables(Vec<(TableId, Option<Vec<usize>>)>),
}

/// Which values are kept.
/// Source: <https://cloud.google.com/spanner/docs/change-streams#value-capture-type>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    OldAndNewValues,
    NewValues,
    NewRow,
    NewRowAndOldValues,
}

impl ChangeStream {
    /// The places of the watched columns, besides those of the key; nothing when the table is not watched.
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

    /// Whether an update has all watched columns after it, not the changed ones alone.
    pub(crate) fn has_whole_rows(self) -> bool {
        matches!(self, Self::NewRow | Self::NewRowAndOldValues)
    }

    pub(crate) fn has_old_values(self) -> bool {
        matches!(self, Self::OldAndNewValues | Self::NewRowAndOldValues)
    }
}

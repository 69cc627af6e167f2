use super::pattern::{is_pattern, matches};
use crate::Located;
use crate::check::{Case, OWN};
use crate::read::{Section, check};

/// Which tables and columns are published. Names may hold `*`.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// None: all that the stream watches, but the bridge's own.
    pub tables: Option<Vec<Located<str>>>,
    pub exclude_tables: Vec<Located<str>>,
    /// `table.column`; empty: all.
    pub columns: Vec<Located<str>>,
    pub exclude_columns: Vec<Located<str>>,
}

impl Selection {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let names = |key, noun, check| {
            section
                .optional(key)
                .map_or(Some(None), |entry| entry.names(noun, Case::Ignored, check).map(Some))
        };
        let tables = names("tables", "table", check::tables);
        let exclude_tables = names("exclude_tables", "table", check::tables);
        let columns = names("columns", "column", check::columns);
        let exclude_columns = names("exclude_columns", "column", check::columns);
        Some(Self {
            tables: tables?,
            exclude_tables: exclude_tables?.unwrap_or_default(),
            columns: columns?.unwrap_or_default(),
            exclude_columns: exclude_columns?.unwrap_or_default(),
        })
    }

    /// The tables that are named in full, which must be there.
    pub fn named(&self) -> impl Iterator<Item = &Located<str>> {
        Self::full(self.tables.as_deref().unwrap_or_default())
    }

    /// Those of a list that are names in full.
    pub fn full(list: &[Located<str>]) -> impl Iterator<Item = &Located<str>> {
        list.iter().filter(|name| !is_pattern(name))
    }

    /// True if the one table that is published is known.
    pub(crate) fn is_one_table(&self) -> bool {
        self.tables.as_ref().is_some_and(|tables| tables.len() == 1 && !is_pattern(&tables[0]))
    }

    /// True if changes of this table are published. The bridge's own tables are only when they are named in full,
    /// here or, as `watched` says, by the change stream.
    pub fn takes_table(&self, table: &str, watched: bool) -> bool {
        let any = |list: &[Located<str>]| list.iter().any(|pattern| matches(pattern, table));
        let named = watched || self.named().any(|name| name.eq_ignore_ascii_case(table));
        let own = OWN.iter().any(|own| own.eq_ignore_ascii_case(table));
        let included = self.tables.as_deref().is_none_or(any) && (named || !own);
        included && !any(&self.exclude_tables)
    }

    /// True if this column is published; those of the key always are.
    pub fn takes_column(&self, table: &str, column: &str) -> bool {
        let name = format!("{table}.{column}");
        let any = |list: &[Located<str>]| list.iter().any(|pattern| matches(pattern, &name));
        // A list of columns speaks of the tables that it names.
        let listed = self
            .columns
            .iter()
            .any(|pattern| pattern.rsplit_once('.').is_some_and(|(of, _)| matches(of, table)));
        (!listed || any(&self.columns)) && !any(&self.exclude_columns)
    }

    /// Where a column is left out by name.
    pub fn excluding(&self, table: &str, column: &str) -> Option<&Located<str>> {
        let name = format!("{table}.{column}");
        self.exclude_columns.iter().find(|pattern| matches(pattern, &name))
    }
}

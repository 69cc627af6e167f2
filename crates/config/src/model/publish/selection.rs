//! The tables and columns that a publish pipeline publishes.

use crate::Located;
use crate::consistency::{BRIDGE_TABLES, CaseSensitivity};
use crate::model::name_pattern::{is_pattern, matches};
use crate::read::{Section, rules};

/// The tables and columns that a pipeline publishes. Names may contain `*`, which matches any characters.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `tables`: the published tables. Default: all tables that the change stream watches, without the
    /// bridge's own.
    pub tables: Option<Vec<Located<str>>>,
    /// `exclude_tables`: tables that are not published, even if `tables` names them. Default: none.
    pub exclude_tables: Vec<Located<str>>,
    /// `columns`: the published columns as `table.column`. It applies to the tables that it names. Default:
    /// all columns.
    pub columns: Vec<Located<str>>,
    /// `exclude_columns`: columns that are not published, as `table.column`. Default: none.
    pub exclude_columns: Vec<Located<str>>,
}

impl Selection {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let names = |key, noun, rule| {
            section
                .optional(key)
                .map_or(Some(None), |entry| entry.names(noun, CaseSensitivity::Insensitive, rule).map(Some))
        };
        let tables = names("tables", "table", rules::tables);
        let exclude_tables = names("exclude_tables", "table", rules::tables);
        let columns = names("columns", "column", rules::columns);
        let exclude_columns = names("exclude_columns", "column", rules::columns);
        Some(Self {
            tables: tables?,
            exclude_tables: exclude_tables?.unwrap_or_default(),
            columns: columns?.unwrap_or_default(),
            exclude_columns: exclude_columns?.unwrap_or_default(),
        })
    }

    /// Returns the tables that `tables` names in full. They must exist.
    pub fn named(&self) -> impl Iterator<Item = &Located<str>> {
        Self::full(self.tables.as_deref().unwrap_or_default())
    }

    /// Returns the entries of a list that are full names, without `*`.
    pub fn full(list: &[Located<str>]) -> impl Iterator<Item = &Located<str>> {
        list.iter().filter(|name| !is_pattern(name))
    }

    /// Returns whether exactly one table is published, and named in full.
    pub(crate) fn is_one_table(&self) -> bool {
        self.tables.as_ref().is_some_and(|tables| tables.len() == 1 && !is_pattern(&tables[0]))
    }

    /// Returns whether changes of the table are published. The bridge's own tables are published only if they
    /// are named in full: here, or by the change stream if `watched` is true.
    pub fn takes_table(&self, table: &str, watched: bool) -> bool {
        let any = |list: &[Located<str>]| list.iter().any(|pattern| matches(pattern, table));
        let named = watched || self.named().any(|name| name.eq_ignore_ascii_case(table));
        let own = BRIDGE_TABLES.iter().any(|own| own.eq_ignore_ascii_case(table));
        let included = self.tables.as_deref().is_none_or(any) && (named || !own);
        included && !any(&self.exclude_tables)
    }

    /// Returns whether the column is published. Key columns are always published, whatever this returns.
    pub fn takes_column(&self, table: &str, column: &str) -> bool {
        let name = format!("{table}.{column}");
        let any = |list: &[Located<str>]| list.iter().any(|pattern| matches(pattern, &name));
        // `columns` applies only to the tables that it names.
        let is_restricted = self
            .columns
            .iter()
            .any(|pattern| pattern.rsplit_once('.').is_some_and(|(of, _)| matches(of, table)));
        (!is_restricted || any(&self.columns)) && !any(&self.exclude_columns)
    }

    /// Returns the entry of `exclude_columns` that excludes the column.
    pub fn excluding(&self, table: &str, column: &str) -> Option<&Located<str>> {
        let name = format!("{table}.{column}");
        self.exclude_columns.iter().find(|pattern| matches(pattern, &name))
    }
}

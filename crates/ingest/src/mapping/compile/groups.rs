//! A table with one row for each group of records.

use spanbridge_config::{AggregatesTable, Ownership, SOURCE_PARTITION};
use spanbridge_protocol::ingest::{GroupTarget, Target, TargetKind};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;

use super::super::table::{GroupMapping, KeyColumn, Kind, TableMapping};
use super::aggregates::Aggregates;
use super::{Compiler, KEY};

impl Compiler<'_> {
    pub(super) fn groups(
        &mut self,
        mapping: &AggregatesTable,
        live: &Table,
    ) -> Option<(Target, TableMapping)> {
        let mut key: Vec<(String, Option<KeyColumn>)> = Vec::new();
        for group in &mapping.group_by {
            let column = self.column(live, group)?;
            key.push((column.name.clone(), Some(KeyColumn::Group(Box::new(column)))));
        }
        let windowed = mapping.window.as_ref().map(|window| self.window(window, live));
        let windowed = windowed.map_or(Some(None), |windowed| windowed.map(Some))?;
        if let Some(windowed) = &windowed {
            // The protocol puts the bound in.
            key.push((windowed.bound.clone(), None));
        }
        if mapping.ownership == Ownership::Partition {
            let owner = self.owner(mapping, live)?;
            key.push((owner, Some(KeyColumn::SourcePartition)));
        }
        let Aggregates { columns, functions, inputs } = self.aggregates(mapping, live)?;
        self.is_the_key(mapping, live, &mut key)?;
        let bound = key.iter().position(|(_, part)| part.is_none());
        let window = windowed.as_ref().zip(bound).map(|(windowed, at)| windowed.window(at));
        if let (Some(window), Some(windowed)) = (&mapping.window, &windowed)
            && windowed.beside.is_some()
            && bound.is_some_and(|at| at + 1 < key.len())
        {
            let message = format!("`{}` is not the last column of the primary key", windowed.bound);
            self.error(&window.start, KEY, message, "put it last, so that a group's windows are neighbours");
            return None;
        }
        if let (Some(window), Some(at)) =
            (window, mapping.window.as_ref().and_then(|window| window.final_column.as_ref()))
        {
            let last = self.final_column(at, window, live)?;
            self.finals.push(last);
        }
        let beside = windowed.as_ref().and_then(|windowed| windowed.beside.clone());
        let names = key.iter().map(|(name, _)| name.clone()).chain(beside).chain(columns);
        let target = Target {
            table: live.name.as_str().into(),
            columns: names.collect(),
            key: (0..key.len()).collect(),
            kind: TargetKind::Groups(GroupTarget { functions, window }),
            locking: mapping.ownership == Ownership::Shared,
        };
        let key = key.into_iter().filter_map(|(_, part)| part).collect();
        let table = TableMapping {
            name: live.name.clone(),
            filter: self.filter(mapping.filter.as_ref())?,
            tombstones: mapping.tombstones,
            kind: Kind::Groups(GroupMapping { key, time: windowed.map(|windowed| windowed.time), inputs }),
        };
        Some((target, table))
    }

    fn owner(&mut self, mapping: &AggregatesTable, live: &Table) -> Option<String> {
        let owner = live.column(SOURCE_PARTITION).filter(|column| column.ty == Type::Int64);
        if let Some(owner) = owner {
            return Some(owner.name.clone());
        }
        let message = format!("table `{}` has no column {SOURCE_PARTITION} INT64", live.name);
        let help = format!(
            "add `{SOURCE_PARTITION} INT64 NOT NULL` to its primary key: each row needs one owner; \
             or let all partitions write it with ownership = \"shared\""
        );
        self.error(&mapping.table, KEY, message, help);
        None
    }

    /// Brings the group's columns into the order of the primary key.
    fn is_the_key(
        &mut self,
        mapping: &AggregatesTable,
        live: &Table,
        key: &mut [(String, Option<KeyColumn>)],
    ) -> Option<()> {
        let wanted: Vec<&str> = live.key().iter().map(|column| column.name.as_str()).collect();
        key.sort_by_key(|(name, _)| wanted.iter().position(|wanted| wanted == name));
        let given: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
        if given == wanted {
            return Some(());
        }
        let message = format!(
            "the group is ({}), but the primary key of table `{}` is ({})",
            given.join(", "),
            live.name,
            wanted.join(", ")
        );
        let help = match mapping.ownership {
            Ownership::Partition => {
                "`group_by`, the window's bound and SourcePartition together are the primary key"
            }
            Ownership::Shared => "`group_by` and the window's bound together are the primary key",
        };
        self.error(&mapping.table, KEY, message, help);
        None
    }
}

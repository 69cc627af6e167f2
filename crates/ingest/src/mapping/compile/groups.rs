//! A table with one row for each group of records.

use spanbridge_config::{
    AggregatesTable, Late as ConfigLate, Ownership, SOURCE_PARTITION, Window as ConfigWindow,
    WindowKind as ConfigKind,
};
use spanbridge_protocol::ingest::{Groups, Late, Target, TargetKind, Window, WindowKind};
use spanbridge_protocol::table::{Column as TableColumn, Table};
use spanbridge_protocol::value::Type;

use super::super::expression::Expression;
use super::super::table::{GroupMapping, KeyColumn, Kind, TableMapping};
use super::aggregates::Aggregates;
use super::{Compiler, KEY, TYPE};

impl Compiler<'_> {
    pub(super) fn groups(
        &mut self,
        mapping: &AggregatesTable,
        live: &Table,
    ) -> Option<(Target, TableMapping)> {
        let mut key: Vec<(String, Option<KeyColumn>)> = Vec::new();
        for group in &mapping.group_by {
            let column = self.column(live, group)?;
            key.push((column.name.clone(), Some(KeyColumn::Group(column))));
        }
        let mut time = None;
        if let Some(window) = &mapping.window {
            let (bound, expression) = self.window(window, live)?;
            // The protocol puts the bound in.
            key.push((bound, None));
            time = Some(expression);
        }
        if mapping.ownership == Ownership::Partition {
            let owner = self.owner(mapping, live)?;
            key.push((owner, Some(KeyColumn::SourcePartition)));
        }
        let Aggregates { columns, functions, inputs } = self.aggregates(mapping, live)?;
        self.is_the_key(mapping, live, &mut key)?;
        let bound = key.iter().position(|(_, part)| part.is_none());
        let window = mapping.window.as_ref().zip(bound).map(|(window, at)| Window {
            kind: kind(&window.kind),
            at,
            late: late(window.late),
            grace: window.grace,
        });
        let names = key.iter().map(|(name, _)| name.clone()).chain(columns);
        let target = Target {
            table: live.name.as_str().into(),
            columns: names.collect(),
            key: (0..key.len()).collect(),
            kind: TargetKind::Groups(Groups { functions, window }),
            locking: mapping.ownership == Ownership::Shared,
        };
        let key = key.into_iter().filter_map(|(_, part)| part).collect();
        let table = TableMapping {
            name: live.name.clone(),
            filter: self.filter(mapping.filter.as_ref())?,
            tombstones: mapping.tombstones,
            kind: Kind::Groups(GroupMapping { key, time, inputs }),
        };
        Some((target, table))
    }

    /// The column that holds a window's bound, and the event time.
    fn window(&mut self, window: &ConfigWindow, live: &Table) -> Option<(String, Expression)> {
        let column = self.live(live, &window.start)?;
        self.timestamp(&window.start, &column)?;
        Some((column.name, self.expression(&window.time)?))
    }

    fn timestamp(&mut self, at: &spanbridge_config::Located<str>, column: &TableColumn) -> Option<()> {
        if column.ty == Type::Timestamp {
            return Some(());
        }
        let message = format!("the window's bound `{}` is {}, not TIMESTAMP", column.name, column.ty);
        self.error(at, TYPE, message, "make the column TIMESTAMP NOT NULL");
        None
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

fn kind(kind: &ConfigKind) -> WindowKind {
    match kind {
        ConfigKind::Tumbling { size } => WindowKind::Tumbling { size: *size },
        ConfigKind::Hopping { size, advance } => WindowKind::Hopping { size: *size, advance: *advance },
        ConfigKind::Sliding { .. } | ConfigKind::Session { .. } => unreachable!("refused as unsupported"),
    }
}

fn late(late: ConfigLate) -> Late {
    match late {
        ConfigLate::Update => Late::Update,
        ConfigLate::Drop => Late::Drop,
        ConfigLate::DeadLetter => Late::DeadLetter,
    }
}

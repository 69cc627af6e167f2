//! Compiles a table with one row per group of records.

use spanbridge_config::{AggregatesTable, Ownership, SOURCE_PARTITION};
use spanbridge_protocol::ingest::{GroupTarget, Target, TargetKind};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;

use super::super::final_column::FinalColumn;
use super::super::group_mapping::{GroupKeyColumn, GroupMapping};
use super::super::table_mapping::{MappingKind, TableMapping};
use super::aggregates::{self, CompiledAggregates};
use super::compiler::{Compiler, KEY};
use super::windows;

/// Returns the target, the mapping and the final column of a table, or `None` after a mistake.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    mapping: &AggregatesTable,
    live: &Table,
) -> Option<(Target, TableMapping, Option<FinalColumn>)> {
    let mut key: Vec<(String, Option<GroupKeyColumn>)> = Vec::new();
    for group in &mapping.group_by {
        let column = compiler.column(live, group)?;
        key.push((column.name.clone(), Some(GroupKeyColumn::Mapped(Box::new(column)))));
    }
    let compiled = mapping.window.as_ref().map(|window| windows::compile(compiler, window, live));
    let compiled = compiled.map_or(Some(None), |compiled| compiled.map(Some))?;
    if let Some(compiled) = &compiled {
        // The worker's state machine adds the bound to the key.
        key.push((compiled.bound.clone(), None));
    }
    if mapping.ownership == Ownership::Partition {
        let owner = owner_column(compiler, mapping, live)?;
        key.push((owner, Some(GroupKeyColumn::SourcePartition)));
    }
    let CompiledAggregates { columns, functions, arguments } = aggregates::compile(compiler, mapping, live)?;
    sort_as_primary_key(compiler, mapping, live, &mut key)?;
    let bound = key.iter().position(|(_, part)| part.is_none());
    let window = compiled.as_ref().zip(bound).map(|(compiled, at)| compiled.window(at));
    if let (Some(window), Some(compiled)) = (&mapping.window, &compiled)
        && compiled.second_bound.is_some()
        && bound.is_some_and(|at| at + 1 < key.len())
    {
        let message = format!("`{}` is not the last column of the primary key", compiled.bound);
        compiler.error(&window.start, KEY, message, "put it last, so that a group's windows are neighbours");
        return None;
    }
    let final_name = mapping.window.as_ref().and_then(|window| window.final_column.as_ref());
    let final_column = match (window, final_name) {
        (Some(window), Some(name)) => Some(windows::final_column(compiler, name, window, live)?),
        _ => None,
    };
    let second_bound = compiled.as_ref().and_then(|compiled| compiled.second_bound.clone());
    let names = key.iter().map(|(name, _)| name.clone()).chain(second_bound).chain(columns);
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
        filter: compiler.filter(mapping.filter.as_ref())?,
        tombstones: mapping.tombstones,
        kind: MappingKind::Groups(GroupMapping {
            key,
            time: compiled.map(|compiled| compiled.time),
            arguments,
        }),
    };
    Some((target, table, final_column))
}

/// Returns the column of the source partition, which gives each row one owner.
fn owner_column(compiler: &mut Compiler<'_>, mapping: &AggregatesTable, live: &Table) -> Option<String> {
    let owner = live.column(SOURCE_PARTITION).filter(|column| column.ty == Type::Int64);
    if let Some(owner) = owner {
        return Some(owner.name.clone());
    }
    let message = format!("table `{}` has no column {SOURCE_PARTITION} INT64", live.name);
    let help = format!(
        "add `{SOURCE_PARTITION} INT64 NOT NULL` to its primary key: each row needs one owner; \
             or let all partitions write it with ownership = \"shared\""
    );
    compiler.error(&mapping.table, KEY, message, help);
    None
}

/// Sorts the group's columns in the order of the primary key, which must have exactly these columns.
fn sort_as_primary_key(
    compiler: &mut Compiler<'_>,
    mapping: &AggregatesTable,
    live: &Table,
    key: &mut [(String, Option<GroupKeyColumn>)],
) -> Option<()> {
    let expected: Vec<&str> = live.key().iter().map(|column| column.name.as_str()).collect();
    key.sort_by_key(|(name, _)| expected.iter().position(|expected| expected == name));
    let given: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
    if given == expected {
        return Some(());
    }
    let message = format!(
        "the group is ({}), but the primary key of table `{}` is ({})",
        given.join(", "),
        live.name,
        expected.join(", ")
    );
    let help = match mapping.ownership {
        Ownership::Partition => {
            "`group_by`, the window's bound and SourcePartition together are the primary key"
        }
        Ownership::Shared => "`group_by` and the window's bound together are the primary key",
    };
    compiler.error(&mapping.table, KEY, message, help);
    None
}

//! Compiles a table with one row per record.

use spanbridge_config::{AllFields, IngestTransaction, RowsTable, Tombstones, WriteMode};
use spanbridge_protocol::ingest::{RowTarget, Target, TargetKind};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::table::{Column, Table};

use super::super::mapped_column::MappedColumn;
use super::super::path_resolver::RecordId;
use super::super::row_mapping::RowMapping;
use super::super::table_mapping::{MappingKind, TableMapping};
use super::compiler::{COLUMN, Compiler, GENERATED_KEY, KEY};
use crate::fields::MappedFields;

/// Returns the target and the mapping of a table, or `None` after a mistake.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    live: &Table,
) -> Option<(Target, TableMapping)> {
    let columns: Vec<Option<MappedColumn>> =
        mapping.columns.iter().map(|mapping| compiler.column(live, mapping)).collect();
    let filter = compiler.filter(mapping.filter.as_ref());
    let delete_when = compiler.filter(mapping.delete_when.as_ref());
    let columns: Vec<MappedColumn> = columns.into_iter().collect::<Option<_>>()?;
    let key = key(compiler, mapping, live, &columns)?;
    let writes = mapping.mode != WriteMode::Delete;
    match writes {
        true => require_columns(compiler, mapping, live, &columns)?,
        false => require_only_key(compiler, mapping, live, &columns)?,
    }
    if mapping.tombstones == Tombstones::Delete {
        require_key_without_value(compiler, mapping, &columns, &key)?;
    }
    let version = mapping
        .version
        .as_ref()
        .map(|version| columns.iter().position(|column| column.name.eq_ignore_ascii_case(version)));
    if version == Some(None) {
        version_not_mapped(compiler, mapping, live);
    }
    let version = version.map_or(Some(None), |place| place.map(Some))?;
    let copied_record = mapping.all.as_ref().map(|all| copied_record(compiler, mapping, all, live));
    let target = Target {
        table: live.name.as_str().into(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        key: key.clone(),
        kind: TargetKind::Rows(RowTarget { write: write(mapping.mode), version }),
        locking: mapping.transaction == IngestTransaction::ReadWrite,
    };
    let rows = RowMapping { columns, key, version, writes, delete_when: delete_when?, copied_record };
    let table = TableMapping {
        name: live.name.clone(),
        filter: filter?,
        tombstones: mapping.tombstones,
        kind: MappingKind::Rows(rows),
    };
    Some((target, table))
}

/// Adds the record of `"*"`, by which the mapping finds fields that have no column yet.
fn copied_record(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    all: &AllFields,
    live: &Table,
) -> RecordId {
    let names = all.path.split('.').skip(1).map(str::to_owned).collect();
    compiler.paths.add_record(names, MappedFields::new(mapping, all, Some(live)))
}

/// Reports that the version column is not mapped. With `"*"`, only the live table shows this.
fn version_not_mapped(compiler: &mut Compiler<'_>, mapping: &RowsTable, live: &Table) {
    let Some(version) = &mapping.version else { return };
    let message = format!("`version` names column {version} of table `{}`, which is not mapped", live.name);
    compiler.error(version, COLUMN, message, "map it; no field has its name");
}

/// Returns the indexes of the primary key's columns.
fn key(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    live: &Table,
    columns: &[MappedColumn],
) -> Option<Vec<usize>> {
    let place = |key: &Column| columns.iter().position(|column| column.name == key.name);
    let missing: Vec<&str> =
        live.key().into_iter().filter(|key| place(key).is_none()).map(|key| key.name.as_str()).collect();
    if missing.is_empty() {
        return live.key().into_iter().map(place).collect();
    }
    let of = |is: fn(&&Column) -> bool| live.key().into_iter().find(|key| place(key).is_none() && is(key));
    let message = format!("key column {} of table `{}` is not mapped", missing.join(", "), live.name);
    let help = match (of(|key| key.generated), of(|key| key.has_default)) {
        (Some(_), _) => GENERATED_KEY,
        (None, Some(_)) => {
            "map every column of the primary key: its DEFAULT is not used, because the bridge must know the keys of its rows"
        }
        (None, None) => "map every column of the primary key",
    };
    compiler.error(&mapping.table, KEY, message, help);
    None
}

/// Requires that all NOT NULL columns are mapped. An update needs none of them, because its row exists.
fn require_columns(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    live: &Table,
    columns: &[MappedColumn],
) -> Option<()> {
    let required = |column: &&Column| {
        !column.nullable && !column.generated && !column.has_default && column.key_ordinal.is_none()
    };
    let mapped = |column: &Column| columns.iter().any(|mapped| mapped.name == column.name);
    let missing = live.columns.iter().filter(required).find(|column| !mapped(column));
    let column = missing.filter(|_| mapping.mode != WriteMode::Update);
    let Some(column) = column else { return Some(()) };
    let message = format!("column {} of table `{}` is NOT NULL and not mapped", column.name, live.name);
    compiler.error(&mapping.table, COLUMN, message, "map it, or give it a default");
    None
}

/// Requires that a delete maps only the key and the version. It would ignore other columns.
fn require_only_key(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    live: &Table,
    columns: &[MappedColumn],
) -> Option<()> {
    let in_key = |name: &str| live.key().iter().any(|key| key.name == name);
    let is_version =
        |name: &str| mapping.version.as_ref().is_some_and(|version| version.eq_ignore_ascii_case(name));
    let ignored = mapping
        .columns
        .iter()
        .zip(columns)
        .find(|(_, column)| !in_key(&column.name) && !is_version(&column.name));
    let Some((ignored, _)) = ignored else { return Some(()) };
    let message = format!("column {} is not part of the key: a delete does not write it", ignored.column);
    compiler.error(&ignored.column, COLUMN, message, "map the columns of the primary key alone");
    None
}

/// Requires that the key of a tombstone does not depend on the value, which a tombstone does not have.
fn require_key_without_value(
    compiler: &mut Compiler<'_>,
    mapping: &RowsTable,
    columns: &[MappedColumn],
    key: &[usize],
) -> Option<()> {
    let place = key.iter().copied().find(|&at| columns[at].expression.reads("value"));
    let Some(place) = place else { return Some(()) };
    let expr = &mapping.columns[place].expr;
    let message =
        format!("key column {} reads `value`, which a tombstone does not have", columns[place].name);
    let help = "read it from `key`, or use another policy for `tombstones`";
    compiler.error(expr, KEY, message, help);
    None
}

fn write(mode: WriteMode) -> Write {
    match mode {
        WriteMode::Insert => Write::Insert,
        WriteMode::Update => Write::Update,
        WriteMode::Upsert | WriteMode::Delete => Write::Upsert,
    }
}

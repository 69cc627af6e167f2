//! A table with one row for each record.

use spanbridge_config::{AllFields, IngestTransaction, RowsTable, Tombstones, WriteMode};
use spanbridge_protocol::ingest::{RowTarget, Target, TargetKind};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::table::{Column as TableColumn, Table};

use super::super::plan::RecordId;
use super::super::table::{Column, Kind, RowMapping, TableMapping};
use super::{COLUMN, Compiler, KEY};
use crate::fields::Covered;

impl Compiler<'_> {
    pub(super) fn rows(&mut self, mapping: &RowsTable, live: &Table) -> Option<(Target, TableMapping)> {
        let columns: Vec<Option<Column>> =
            mapping.columns.iter().map(|mapping| self.column(live, mapping)).collect();
        let filter = self.filter(mapping.filter.as_ref());
        let delete_when = self.filter(mapping.delete_when.as_ref());
        let columns: Vec<Column> = columns.into_iter().collect::<Option<_>>()?;
        let key = self.key(mapping, live, &columns)?;
        let writes = mapping.mode != WriteMode::Delete;
        match writes {
            true => self.required(mapping, live, &columns)?,
            false => self.key_alone(mapping, live, &columns)?,
        }
        if mapping.tombstones == Tombstones::Delete {
            self.key_of_tombstones(mapping, &columns, &key)?;
        }
        let version = mapping
            .version
            .as_ref()
            .map(|version| columns.iter().position(|column| column.name.eq_ignore_ascii_case(version)));
        if version == Some(None) {
            self.version_not_mapped(mapping, live);
        }
        let version = version.map_or(Some(None), |place| place.map(Some))?;
        let all = mapping.all.as_ref().map(|all| self.all(mapping, all, live));
        let target = Target {
            table: live.name.as_str().into(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            key: key.clone(),
            kind: TargetKind::Rows(RowTarget { write: write(mapping.mode), version }),
            locking: mapping.transaction == IngestTransaction::ReadWrite,
        };
        let rows = RowMapping { columns, key, version, writes, delete_when: delete_when?, all };
        let table = TableMapping {
            name: live.name.clone(),
            filter: filter?,
            tombstones: mapping.tombstones,
            kind: Kind::Rows(rows),
        };
        Some((target, table))
    }

    /// The record of `"*"`; the fields that have no column yet are told from the others by it.
    fn all(&mut self, mapping: &RowsTable, all: &AllFields, live: &Table) -> RecordId {
        let steps = all.path.split('.').skip(1).map(str::to_owned).collect();
        self.plans.add_record(steps, Covered::new(mapping, all, Some(live)))
    }

    /// Of a `"*"` only the live table says which columns it has.
    fn version_not_mapped(&mut self, mapping: &RowsTable, live: &Table) {
        let Some(version) = &mapping.version else { return };
        let message =
            format!("`version` names column {version} of table `{}`, which is not mapped", live.name);
        self.error(version, COLUMN, message, "map it: no field has its name");
    }

    /// Where the columns of the primary key stand.
    fn key(&mut self, mapping: &RowsTable, live: &Table, columns: &[Column]) -> Option<Vec<usize>> {
        let place = |key: &TableColumn| columns.iter().position(|column| column.name == key.name);
        let missing: Vec<&str> =
            live.key().into_iter().filter(|key| place(key).is_none()).map(|key| key.name.as_str()).collect();
        if missing.is_empty() {
            return live.key().into_iter().map(place).collect();
        }
        let message = format!("key column {} of table `{}` is not mapped", missing.join(", "), live.name);
        self.error(&mapping.table, KEY, message, "map every column of the primary key");
        None
    }

    /// A row that is updated is there already, with all its columns.
    fn required(&mut self, mapping: &RowsTable, live: &Table, columns: &[Column]) -> Option<()> {
        let required = |column: &&TableColumn| {
            !column.nullable && !column.generated && !column.has_default && column.key_ordinal.is_none()
        };
        let mapped = |column: &TableColumn| columns.iter().any(|mapped| mapped.name == column.name);
        let missing = live.columns.iter().filter(required).find(|column| !mapped(column));
        let column = missing.filter(|_| mapping.mode != WriteMode::Update);
        let Some(column) = column else { return Some(()) };
        let message = format!("column {} of table `{}` is NOT NULL and not mapped", column.name, live.name);
        self.error(&mapping.table, COLUMN, message, "map it, or give it a default");
        None
    }

    /// What a delete maps besides the key and the version would be ignored.
    fn key_alone(&mut self, mapping: &RowsTable, live: &Table, columns: &[Column]) -> Option<()> {
        let in_key = |name: &str| live.key().iter().any(|key| key.name == name);
        let is_version =
            |name: &str| mapping.version.as_ref().is_some_and(|version| version.eq_ignore_ascii_case(name));
        let idle = mapping
            .columns
            .iter()
            .zip(columns)
            .find(|(_, column)| !in_key(&column.name) && !is_version(&column.name));
        let Some((idle, _)) = idle else { return Some(()) };
        let message = format!("column {} is not part of the key: a delete does not write it", idle.column);
        self.error(&idle.column, COLUMN, message, "map the columns of the primary key alone");
        None
    }

    /// A tombstone has no value.
    fn key_of_tombstones(&mut self, mapping: &RowsTable, columns: &[Column], key: &[usize]) -> Option<()> {
        let place = key.iter().copied().find(|&at| columns[at].expression.reads("value"));
        let Some(place) = place else { return Some(()) };
        let expr = &mapping.columns[place].expr;
        let message =
            format!("key column {} reads `value`, which a tombstone does not have", columns[place].name);
        let help = "read it from `key`, or use another policy for `tombstones`";
        self.error(expr, KEY, message, help);
        None
    }
}

fn write(mode: WriteMode) -> Write {
    match mode {
        WriteMode::Insert => Write::Insert,
        WriteMode::Update => Write::Update,
        WriteMode::Upsert | WriteMode::Delete => Write::Upsert,
    }
}

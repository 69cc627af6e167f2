//! Data change records.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use prost_types::Value as Wire;
use prost_types::value::Kind;
use serde_json::{Map, Value as Json, json};
use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::cell::emit;
use crate::key::Key;
use crate::schema::{Capture, ChangeStream, Table};
use crate::store::Row;

/// The number of slots for keys; a partition owns a range of slots.
pub(super) const SLOTS: u32 = 1 << 16;

/// A row before and after a commit.
#[derive(Debug)]
pub(crate) struct RowChange {
    pub(crate) table: Arc<Table>,
    pub(crate) key: Key,
    pub(crate) old: Option<Row>,
    pub(crate) new: Option<Row>,
    /// The columns that were written.
    pub(crate) written: BTreeSet<usize>,
}

/// The metadata of a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commitment<'a> {
    pub(crate) tag: &'a str,
    /// True if the commit is excluded from change streams that allow it.
    pub(crate) excluded: bool,
}

/// One data change record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) timestamp: Timestamp,
    pub(super) sequence: usize,
    pub(super) transaction: String,
    pub(super) is_last: bool,
    pub(super) table: String,
    /// The columns: name, type as JSON, true for a key column, position from 1.
    pub(super) columns: Vec<(String, String, bool, usize)>,
    pub(super) mods: Vec<[String; 3]>,
    pub(super) kind: &'static str,
    pub(super) capture: Capture,
    pub(super) records: usize,
    pub(super) partitions: usize,
    pub(super) tag: String,
}

/// The common properties of a record's mods: the partition, the table, the kind, and the non-key columns.
type Group = (usize, usize, Mod, Vec<usize>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mod {
    Insert,
    Update,
    Delete,
}

impl Mod {
    fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl RowChange {
    pub(super) fn slot(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        (self.table.id, &self.key).hash(&mut hasher);
        u32::try_from(hasher.finish() % u64::from(SLOTS)).unwrap_or(0)
    }

    fn kind(&self) -> Option<Mod> {
        match (&self.old, &self.new) {
            (None, None) => None,
            (None, Some(_)) => Some(Mod::Insert),
            (Some(_), Some(_)) => Some(Mod::Update),
            (Some(_), None) => Some(Mod::Delete),
        }
    }

    /// Returns the non-key columns of the record, and the mod; `None` if the row is not watched.
    fn captured(&self, stream: &ChangeStream) -> Option<(Mod, Vec<usize>, [String; 3])> {
        let (kind, watched) = (self.kind()?, stream.columns(&self.table)?);
        let is_changed = |place: &usize| kind != Mod::Update || self.written.contains(place);
        let changed: Vec<usize> = watched.iter().copied().filter(is_changed).collect();
        if changed.is_empty() && !watched.is_empty() {
            return None;
        }
        let whole = kind != Mod::Update || stream.capture.has_whole_rows();
        let columns = if whole { watched } else { changed.clone() };
        let keys = self.table.key.iter().map(|part| part.column).collect::<Vec<_>>();
        let values = |row: Option<&Row>, places: &[usize]| self.object(row, places);
        let some = self.new.as_ref().or(self.old.as_ref());
        let old = if stream.capture.has_old_values() { self.old.as_ref() } else { None };
        let mods = [values(some, &keys), values(self.new.as_ref(), &columns), values(old, &changed)];
        Some((kind, columns, mods))
    }

    fn object(&self, row: Option<&Row>, places: &[usize]) -> String {
        let Some(row) = row else { return "{}".to_owned() };
        let pair = |&place: &usize| (self.table.columns[place].name.clone(), json_of(&row[place]));
        Json::Object(places.iter().map(pair).collect::<Map<_, _>>()).to_string()
    }
}

/// Returns the records of a transaction in order, each with its partition.
pub(super) fn records(
    stream: &ChangeStream,
    changes: &[RowChange],
    partition: impl Fn(u32) -> usize,
    most_mods: usize,
    (timestamp, transaction, tag): (Timestamp, &str, &str),
) -> Vec<(usize, Record)> {
    let mut groups: BTreeMap<Group, Vec<[String; 3]>> = BTreeMap::new();
    let mut tables = BTreeMap::new();
    for change in changes {
        let Some((kind, columns, mods)) = change.captured(stream) else { continue };
        tables.insert(change.table.id, &change.table);
        groups.entry((partition(change.slot()), change.table.id, kind, columns)).or_default().push(mods);
    }
    let partitions = groups.keys().map(|(partition, ..)| *partition).collect::<BTreeSet<_>>().len();
    let mut records = Vec::new();
    for ((partition, table, kind, columns), mods) in groups {
        let table = tables[&table];
        for mods in mods.chunks(most_mods) {
            let record = Record {
                timestamp,
                sequence: records.len(),
                transaction: transaction.to_owned(),
                is_last: false,
                table: table.full_name(),
                columns: column_types(table, &columns),
                mods: mods.to_vec(),
                kind: kind.as_str(),
                capture: stream.capture,
                records: 0,
                partitions,
                tag: tag.to_owned(),
            };
            records.push((partition, record));
        }
    }
    let count = records.len();
    let mut last = BTreeMap::new();
    for (place, (partition, record)) in records.iter_mut().enumerate() {
        record.records = count;
        last.insert(*partition, place);
    }
    for place in last.into_values() {
        records[place].1.is_last = true;
    }
    records
}

/// Sorts columns into table order, including the key columns.
fn column_types(table: &Table, columns: &[usize]) -> Vec<(String, String, bool, usize)> {
    let named = table.columns.iter().enumerate().filter_map(|(place, column)| {
        let is_key = table.key_ordinal(place).is_some();
        (is_key || columns.contains(&place))
            .then(|| (column.name.clone(), json_type(&column.ty).to_string(), is_key, place + 1))
    });
    named.collect()
}

fn json_type(ty: &Type) -> Json {
    match ty {
        Type::Array(item) => json!({"code": "ARRAY", "array_element_type": json_type(item)}),
        Type::Proto(name) => json!({"code": "PROTO", "proto_type_fqn": name}),
        Type::Enum(name) => json!({"code": "ENUM", "proto_type_fqn": name}),
        other => json!({"code": other.to_string()}),
    }
}

fn json_of(value: &Value) -> Json {
    json_of_wire(emit(value))
}

fn json_of_wire(value: Wire) -> Json {
    match value.kind {
        Some(Kind::BoolValue(value)) => json!(value),
        Some(Kind::NumberValue(value)) => json!(value),
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json_of_wire).collect(),
        Some(Kind::NullValue(_) | Kind::StructValue(_)) | None => Json::Null,
    }
}

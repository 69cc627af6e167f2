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

/// Keys fall into so many slots, and a partition has a range of them.
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

/// What a commit says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commitment<'a> {
    pub(crate) tag: &'a str,
    /// Left out of the change streams that allow it.
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
    /// Name, type as JSON, whether of the key, place from 1.
    pub(super) columns: Vec<(String, String, bool, usize)>,
    pub(super) mods: Vec<[String; 3]>,
    pub(super) kind: &'static str,
    pub(super) capture: Capture,
    pub(super) records: usize,
    pub(super) partitions: usize,
    pub(super) tag: String,
}

/// What the mods of a record have in common: the partition, the table, the kind, and the columns beside the key.
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

    /// The columns that the record names beside the key's, and the mod; nothing when it is not watched.
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

/// The records of a transaction, each with the partition that it falls into, in their order.
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

/// In the order of the table, the key's columns among them.
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

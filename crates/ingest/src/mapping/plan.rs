//! Where the fields of the bare paths stand in each writer's schema.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use spanbridge_protocol::ingest::Failure;

/// Writer schemas whose plans are kept; more are planned again.
const MAX_SCHEMAS: usize = 1000;

/// A bare path such as `value.origin`, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathId(usize);

/// All bare paths into the value, and their plans by writer schema id.
#[derive(Default)]
pub(super) struct Plans {
    paths: Vec<Vec<String>>,
    plans: Mutex<HashMap<u32, Arc<Plan>>>,
}

/// One a path.
pub(super) type Plan = Vec<Result<Leaf, Failure>>;

/// A field: its indices from the root, and its schema.
#[derive(Debug)]
pub(super) struct Leaf {
    indices: Vec<usize>,
    pub(super) schema: AvroSchema,
}

impl Plans {
    pub(super) fn add(&mut self, path: Vec<String>) -> PathId {
        let known = self.paths.iter().position(|known| *known == path);
        PathId(known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        }))
    }

    /// Plans this schema, if it is new.
    pub(super) fn prepare(&self, id: u32, schema: &AvroSchema) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.contains_key(&id) {
            return;
        }
        if plans.len() >= MAX_SCHEMAS {
            plans.clear();
        }
        let plan = self.paths.iter().map(|path| leaf(schema, path, id)).collect();
        plans.insert(id, Arc::new(plan));
    }

    /// The field's value and schema; null when a record on the way to it is null.
    pub(super) fn value<'v, T>(
        &self,
        id: u32,
        path: PathId,
        root: &'v Avro,
        found: impl FnOnce(&'v Avro, &AvroSchema) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let plan = self.plans.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let plan = plan.ok_or_else(|| Failure::new("SB-INGEST-PATH", "the writer's schema has no plan"))?;
        let leaf = plan[path.0].as_ref().map_err(Clone::clone)?;
        let mut value = root;
        for index in &leaf.indices {
            value = match unwrap(value) {
                Avro::Record(fields) => match fields.get(*index) {
                    Some((_, field)) => field,
                    None => &Avro::Null,
                },
                _ => &Avro::Null,
            };
        }
        found(value, &leaf.schema)
    }
}

fn unwrap(value: &Avro) -> &Avro {
    match value {
        Avro::Union(_, inner) => inner,
        other => other,
    }
}

fn leaf(schema: &AvroSchema, path: &[String], id: u32) -> Result<Leaf, Failure> {
    let mut schema = schema;
    let mut indices = Vec::with_capacity(path.len());
    for name in path {
        let records: Vec<_> = match schema {
            AvroSchema::Record(record) => vec![record],
            AvroSchema::Union(union) => union.variants().iter().filter_map(record).collect(),
            _ => Vec::new(),
        };
        let [record] = records[..] else {
            let what = format!("writer schema {id}: `{name}` is asked of what is not one record");
            return Err(Failure::new("SB-INGEST-PATH", what));
        };
        let Some(index) = record.lookup.get(name) else {
            let what = format!("writer schema {id} has no field `{}`", path.join("."));
            return Err(Failure::new("SB-INGEST-PATH", what));
        };
        indices.push(*index);
        schema = &record.fields[*index].schema;
    }
    Ok(Leaf { indices, schema: schema.clone() })
}

fn record(schema: &AvroSchema) -> Option<&apache_avro::schema::RecordSchema> {
    match schema {
        AvroSchema::Record(record) => Some(record),
        _ => None,
    }
}

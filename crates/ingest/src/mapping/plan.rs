//! Where the fields of the bare paths stand in each writer's schema.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::shape::NoPath;
use spanbridge_schema::{Datum, Shape, Writer};

/// Writer schemas whose plans are kept; more are planned again.
const MAX_SCHEMAS: usize = 1000;

/// A bare path such as `value.origin`, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathId(usize);

/// All bare paths into the value, and their plans by writer.
#[derive(Default)]
pub(super) struct Plans {
    paths: Vec<Vec<String>>,
    plans: Mutex<HashMap<Origin, Vec<(Option<String>, Arc<Plan>)>>>,
}

/// The writer schema's id, and which field of its values holds the row; the message is told apart within.
type Origin = (Option<u32>, Option<&'static str>);

/// One a path.
#[derive(Debug)]
pub(super) struct Plan(Vec<Result<Vec<Step>, Failure>>);

/// A field: its name, and where the schema has it.
#[derive(Debug)]
struct Step {
    name: String,
    position: Option<usize>,
}

impl Plans {
    pub(super) fn add(&mut self, path: Vec<String>) -> PathId {
        let known = self.paths.iter().position(|known| *known == path);
        PathId(known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        }))
    }

    /// The plan for values of that writer, made when it is new; `row` is the field of them that holds the
    /// row, where that is not the value itself.
    pub(super) fn plan(&self, writer: Option<&Writer>, row: Option<&'static str>) -> Arc<Plan> {
        let origin = (writer.map(|writer| writer.id), row);
        let message = writer.and_then(|writer| writer.schema.message());
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.get(&origin).into_iter().flatten().find(|(known, _)| known.as_deref() == message);
        if let Some((_, plan)) = known {
            return Arc::clone(plan);
        }
        if plans.len() >= MAX_SCHEMAS {
            plans.clear();
        }
        let plan = Arc::new(self.make(writer, row));
        plans.entry(origin).or_default().push((message.map(str::to_owned), Arc::clone(&plan)));
        plan
    }

    fn make(&self, writer: Option<&Writer>, row: Option<&'static str>) -> Plan {
        let (id, shape) = match writer {
            Some(writer) => (writer.id.to_string(), writer.schema.shape()),
            None => (String::new(), Shape::Any),
        };
        let prefix: Vec<String> = row.map(str::to_owned).into_iter().collect();
        let steps = |path: &Vec<String>| {
            let whole = [&prefix[..], path].concat();
            let (positions, _) = shape.at(&whole).map_err(|fault| {
                let what = match fault {
                    NoPath::Missing => format!("writer schema {id} has no field `{}`", path.join(".")),
                    NoPath::NotRecord(name) => {
                        format!("writer schema {id}: `{name}` is asked of what is not one record")
                    }
                };
                Failure::new("SB-INGEST-PATH", what)
            })?;
            let steps = whole.into_iter().zip(positions).skip(prefix.len());
            Ok(steps.map(|(name, position)| Step { name, position }).collect())
        };
        Plan(self.paths.iter().map(steps).collect())
    }
}

impl Plan {
    /// The field's value; null when a record on the way to it is null, or a map has no such key.
    pub(super) fn value<'v>(&self, path: PathId, root: &'v Datum) -> Result<&'v Datum, Failure> {
        let steps = match self.0.get(path.0) {
            Some(steps) => steps.as_ref().map_err(Clone::clone)?,
            None => return Err(Failure::new("SB-INGEST-PATH", "the path has no plan")),
        };
        let mut value = root;
        for step in steps {
            value = match (value, step.position) {
                (Datum::Record(record), Some(position)) => record.at(position).unwrap_or(&Datum::Null),
                _ => child(value, &step.name)?,
            };
        }
        Ok(value)
    }
}

/// The field or entry of that name; null where null has none, or a map.
pub(super) fn child<'v>(value: &'v Datum, name: &str) -> Result<&'v Datum, Failure> {
    match value {
        Datum::Null => Ok(&Datum::Null),
        Datum::Map(entries) => Ok(entries.get(name).unwrap_or(&Datum::Null)),
        Datum::Record(record) => record
            .get(name)
            .ok_or_else(|| Failure::new("SB-INGEST-PATH", format!("the record has no field `{name}`"))),
        other => {
            let what = format!("`{name}` is asked of a {}", other.kind());
            Err(Failure::new("SB-INGEST-PATH", what))
        }
    }
}

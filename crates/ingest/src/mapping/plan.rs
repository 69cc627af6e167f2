//! Where the fields of the bare paths stand in each writer's schema, and whether they fit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Datum, Shape, WriterSchema};

use super::fit::{self, Title};
use crate::fields::Covered;

/// Writer schemas whose plans are kept; more are planned again.
const MAX_SCHEMAS: usize = 1000;

/// A bare path such as `value.origin`, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathId(usize);

/// A record whose fields are all copied, by its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordId(usize);

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// The value, or the row in a change event.
    Row,
    /// The change event itself.
    Event,
    Key,
}

/// A path, and what its field must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) steps: Vec<String>,
    /// The last step is a field of `"*"`: found without case, and null where the writer has none.
    pub(super) copied: bool,
    /// What its values become; nothing where a misfit is not for the schema to tell.
    pub(super) ty: Option<Type>,
}

/// All bare paths, and their plans by writer.
#[derive(Default)]
pub(super) struct Plans {
    paths: Vec<Path>,
    records: Vec<(Path, Covered)>,
    /// For errors: the subjects of keys and of values, where there is just one.
    subjects: [Option<String>; 2],
    plans: Mutex<HashMap<Origin, Vec<OfMessage>>>,
}

/// A plan, and the message that it is for where a schema has several.
type OfMessage = (Option<String>, Arc<Plan>);

/// The writer schema's id, and of what; the message is told apart within.
type Origin = (Option<u32>, Part);

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Key,
    /// With the field of the value that holds the row, where that is not the value itself.
    Value(Option<&'static str>),
}

/// One a path, and for each record whether it has fields that no column is known for.
#[derive(Debug)]
pub(super) struct Plan {
    paths: Vec<Result<Option<Vec<Step>>, Failure>>,
    records: Vec<bool>,
}

/// A field: its name, and where the schema has it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) position: Option<usize>,
}

impl Plans {
    pub(super) fn of(subjects: [Option<String>; 2]) -> Self {
        Self { subjects, ..Self::default() }
    }

    pub(super) fn add(&mut self, path: Path) -> PathId {
        let known = self.paths.iter().position(|known| *known == path);
        PathId(known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        }))
    }

    /// A record of whose fields only these are known.
    pub(super) fn add_record(&mut self, steps: Vec<String>, covered: Covered) -> RecordId {
        self.records.push((Path { root: Root::Row, steps, copied: false, ty: None }, covered));
        RecordId(self.records.len() - 1)
    }

    /// The plan for keys or values of that writer, made when it is new.
    pub(super) fn plan(&self, writer: Option<&WriterSchema>, part: Part) -> Arc<Plan> {
        let origin = (writer.map(|writer| writer.id), part);
        let message = writer.and_then(|writer| writer.schema.message());
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.get(&origin).into_iter().flatten().find(|(known, _)| known.as_deref() == message);
        if let Some((_, plan)) = known {
            return Arc::clone(plan);
        }
        if plans.len() >= MAX_SCHEMAS {
            plans.clear();
        }
        let plan = Arc::new(self.make(writer, part));
        plans.entry(origin).or_default().push((message.map(str::to_owned), Arc::clone(&plan)));
        plan
    }

    fn make(&self, writer: Option<&WriterSchema>, part: Part) -> Plan {
        let shape = writer.map_or(Shape::Any, |writer| writer.schema.shape());
        let subject = &self.subjects[usize::from(part != Part::Key)];
        let title = writer.map(|writer| Title { writer, subject: subject.as_deref() });
        let paths: Vec<_> = self
            .paths
            .iter()
            .map(|path| match path.prefix(part) {
                Some(prefix) => fit::steps(path, &prefix, &shape, title.as_ref()),
                None => Ok(None),
            })
            .collect();
        let records = self.records.iter().map(|(path, covered)| {
            let whole = path.prefix(part).map(|prefix| [prefix, path.steps.clone()].concat());
            let found = whole.and_then(|whole| shape.resolve(&whole).ok()?.1?.record());
            found.is_some_and(|record| !record.fields.iter().all(|field| covered.has(&field.name)))
        });
        fit::tell(&paths);
        Plan { records: records.collect(), paths }
    }
}

impl Path {
    /// What stands in front of it in a schema of that part; nothing for a path of the other part.
    fn prefix(&self, part: Part) -> Option<Vec<String>> {
        match (self.root, part) {
            (Root::Key, Part::Key) | (Root::Event, Part::Value(_)) => Some(Vec::new()),
            (Root::Row, Part::Value(row)) => Some(row.map(str::to_owned).into_iter().collect()),
            _ => None,
        }
    }
}

impl Plan {
    /// The field's value; null when a record on the way to it is null, or a map has no such key.
    pub(super) fn value<'v>(&self, path: PathId, root: &'v Datum) -> Result<&'v Datum, Failure> {
        let Some(steps) = self.path(path)? else { return Ok(&Datum::Null) };
        let mut value = root;
        for step in steps {
            value = match (value, step.position) {
                (Datum::Record(record), Some(position)) => record.at(position).unwrap_or(&Datum::Null),
                _ => child(value, &step.name)?,
            };
        }
        Ok(value)
    }

    /// Whether the writer's schema fits the path; its steps.
    pub(super) fn path(&self, path: PathId) -> Result<Option<&[Step]>, Failure> {
        match self.paths.get(path.0) {
            Some(steps) => steps.as_ref().map(Option::as_deref).map_err(Clone::clone),
            None => Err(Failure::new("SB-INGEST-PATH", "the path has no plan")),
        }
    }

    /// Whether the writer's record has fields that no column is known for.
    pub(super) fn has_new_fields(&self, record: RecordId) -> bool {
        self.records.get(record.0).copied().unwrap_or(false)
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
            let what = format!("`{name}` is asked of a {}", other.type_name());
            Err(Failure::new("SB-INGEST-PATH", what))
        }
    }
}

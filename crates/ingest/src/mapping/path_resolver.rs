//! The positions of all bare paths in each writer's schema.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::frame::SchemaId;
use spanbridge_schema::{Datum, Shape, WriterSchema};

use super::field_path::{FieldPath, PathRoot, PathStep, WriterPart, child};
use super::resolve_path::{self, WriterTitle};
use crate::fields::MappedFields;

/// The number of writer schemas whose resolved paths are cached. A larger number empties the cache.
const MAX_SCHEMAS: usize = 1000;

/// The number of a bare path in its [`PathResolver`].
#[derive(Debug, Clone, Copy)]
pub(super) struct PathId(usize);

/// The number of a record whose fields are all copied, in its [`PathResolver`].
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordId(usize);

/// All bare paths of a pipeline, resolved for each writer.
#[derive(Default)]
pub(super) struct PathResolver {
    paths: Vec<FieldPath>,
    records: Vec<(FieldPath, MappedFields)>,
    /// The subject of keys and that of values, for messages. Absent when there are several.
    subjects: [Option<String>; 2],
    cache: Mutex<HashMap<CacheKey, Vec<MessagePaths>>>,
}

/// The id of a writer's schema, and the part of the record that it describes.
type CacheKey = (Option<SchemaId>, WriterPart);

/// The resolved paths of one message; only Protobuf files have several messages, which have names.
type MessagePaths = (Option<String>, Arc<ResolvedPaths>);

/// The paths of a pipeline in one writer's schema.
#[derive(Debug)]
pub(super) struct ResolvedPaths {
    paths: Vec<Result<Option<Vec<PathStep>>, Failure>>,
    /// For each record of `"*"`: the schema has fields without a known column.
    has_new_fields: Vec<bool>,
}

impl PathResolver {
    pub(super) fn new(subjects: [Option<String>; 2]) -> Self {
        Self { subjects, ..Self::default() }
    }

    pub(super) fn add(&mut self, path: FieldPath) -> PathId {
        let known = self.paths.iter().position(|known| *known == path);
        PathId(known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        }))
    }

    /// Adds a record of `"*"` together with the fields that the mapping knows.
    pub(super) fn add_record(&mut self, names: Vec<String>, mapped: MappedFields) -> RecordId {
        self.records.push((FieldPath { root: PathRoot::Row, names, copied: false, ty: None }, mapped));
        RecordId(self.records.len() - 1)
    }

    /// Returns the resolved paths for a writer's keys or values. They are computed for a new writer.
    pub(super) fn resolve(&self, writer: Option<&WriterSchema>, part: WriterPart) -> Arc<ResolvedPaths> {
        let key = (writer.map(|writer| writer.id), part);
        let message = writer.and_then(|writer| writer.schema.message());
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cache.get(&key).into_iter().flatten().find(|(known, _)| known.as_deref() == message);
        if let Some((_, paths)) = known {
            return Arc::clone(paths);
        }
        if cache.len() >= MAX_SCHEMAS {
            cache.clear();
        }
        let paths = Arc::new(self.resolve_all(writer, part));
        cache.entry(key).or_default().push((message.map(str::to_owned), Arc::clone(&paths)));
        paths
    }

    fn resolve_all(&self, writer: Option<&WriterSchema>, part: WriterPart) -> ResolvedPaths {
        let shape = writer.map_or(Shape::Any, |writer| writer.schema.shape());
        let subject = &self.subjects[usize::from(part != WriterPart::Key)];
        let title = writer.map(|writer| WriterTitle { writer, subject: subject.as_deref() });
        let paths: Vec<_> = self
            .paths
            .iter()
            .map(|path| match path.prefix(part) {
                Some(prefix) => resolve_path::resolve(path, &prefix, &shape, title.as_ref()),
                None => Ok(None),
            })
            .collect();
        let has_new_fields = self.records.iter().map(|(path, mapped)| {
            let whole = path.prefix(part).map(|prefix| [prefix, path.names.clone()].concat());
            let record = whole.and_then(|whole| shape.resolve(&whole).ok()?.1?.record());
            record.is_some_and(|record| !record.fields.iter().all(|field| mapped.contains(&field.name)))
        });
        resolve_path::log_mismatches(&paths);
        ResolvedPaths { has_new_fields: has_new_fields.collect(), paths }
    }
}

impl ResolvedPaths {
    /// Returns the field's value. A NULL record on the path, or a map without the key, gives NULL.
    ///
    /// # Errors
    /// The writer's schema does not fit the path, or the value has no such field.
    pub(super) fn value<'v>(&self, path: PathId, root: &'v Datum) -> Result<&'v Datum, Failure> {
        let Some(steps) = self.steps(path)? else { return Ok(&Datum::Null) };
        let mut value = root;
        for step in steps {
            value = match (value, step.position) {
                (Datum::Record(record), Some(position)) => record.at(position).ok_or_else(|| {
                    Failure::new("SB-INGEST-PATH", "the record has fewer fields than its schema")
                })?,
                _ => child(value, &step.name)?,
            };
        }
        Ok(value)
    }

    /// Returns the steps of a path, or `None` if the writer omits its field.
    ///
    /// # Errors
    /// The writer's schema does not fit the path.
    pub(super) fn steps(&self, path: PathId) -> Result<Option<&[PathStep]>, Failure> {
        match self.paths.get(path.0) {
            Some(steps) => steps.as_ref().map(Option::as_deref).map_err(Clone::clone),
            None => Err(Failure::new("SB-INGEST-PATH", "the path was not resolved")),
        }
    }

    /// Returns true if the writer's record has fields without a known column.
    pub(super) fn has_new_fields(&self, record: RecordId) -> bool {
        self.has_new_fields.get(record.0).copied().unwrap_or(false)
    }
}

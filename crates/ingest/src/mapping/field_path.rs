//! Bare paths such as `value.plane.seats`, and the parts of a record that they start in.

use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::Type;
use spanbridge_schema::Datum;

/// The part of a record in which a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathRoot {
    /// The value, or the row inside a change event.
    Row,
    /// The change event itself.
    Event,
    Key,
}

/// The part of a record that a writer's schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum WriterPart {
    Key,
    /// The value. The name is the field that holds the row; it is absent when the value is the row.
    Value(Option<&'static str>),
}

/// A bare path, and the requirements on its field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldPath {
    pub(super) root: PathRoot,
    pub(super) names: Vec<String>,
    /// The last name is a field of `"*"`: its case does not matter, and a writer without the field gives NULL.
    pub(super) copied: bool,
    /// The column type that the field's values must convert to. Without it the schema is not compared with the column.
    pub(super) ty: Option<Type>,
}

impl FieldPath {
    /// Returns the names that precede the path in a schema of that part, or `None` for a path of the other part.
    pub(super) fn prefix(&self, part: WriterPart) -> Option<Vec<String>> {
        match (self.root, part) {
            (PathRoot::Key, WriterPart::Key) | (PathRoot::Event, WriterPart::Value(_)) => Some(Vec::new()),
            (PathRoot::Row, WriterPart::Value(row)) => Some(row.map(str::to_owned).into_iter().collect()),
            _ => None,
        }
    }
}

/// One step of a resolved path: a field's name, and its position if the schema is a record.
#[derive(Debug, Clone)]
pub(super) struct PathStep {
    pub(super) name: String,
    pub(super) position: Option<usize>,
}

/// Returns the field or entry of that name. NULL and maps without the entry give NULL.
///
/// # Errors
/// A record has no such field, or the value has no fields at all: `SB-INGEST-PATH`.
pub(super) fn child<'v>(value: &'v Datum, name: &str) -> Result<&'v Datum, Failure> {
    match value {
        Datum::Null => Ok(&Datum::Null),
        Datum::Map(entries) => Ok(entries.get(name).unwrap_or(&Datum::Null)),
        Datum::Record(record) => record
            .get(name)
            .ok_or_else(|| Failure::new("SB-INGEST-PATH", format!("the record has no field `{name}`"))),
        other => {
            let message = format!("field `{name}` is read from a {}, which has no fields", other.type_name());
            Err(Failure::new("SB-INGEST-PATH", message))
        }
    }
}

//! Resolves a path against a writer's schema: once per schema, before its first record.
//!
//! A schema that cannot fill a column at all fails here, so that each of its records becomes a dead letter with the
//! schema's id in the message. Values that may fit are converted one by one later.

use std::fmt;

use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::convert::{Fit, check_fit};
use spanbridge_schema::shape::{AmbiguousField, PathError};
use spanbridge_schema::{Shape, WriterSchema};

use super::field_path::{FieldPath, PathRoot, PathStep};

const SCHEMA: &str = "SB-INGEST-SCHEMA";
const HELP: &str = "change the schema or the mapping, then replay";

/// A writer's schema as messages name it.
pub(super) struct WriterTitle<'a> {
    pub(super) writer: &'a WriterSchema,
    pub(super) subject: Option<&'a str>,
}

impl fmt::Display for WriterTitle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = self.writer.schema.message() {
            write!(f, "message {message} of ")?;
        }
        write!(f, "schema id {}", self.writer.id)?;
        self.subject.map_or(Ok(()), |subject| write!(f, " (subject {subject})"))
    }
}

/// Returns the steps to the path's field, or `None` if the writer may omit the field and does.
///
/// `prefix` precedes the path in the schema, but not in the value.
///
/// # Errors
/// The schema has no such field, or none of its values can be converted to the column's type. `spanbridge check`
/// reports the same cases as errors.
pub(super) fn resolve(
    path: &FieldPath,
    prefix: &[String],
    shape: &Shape,
    title: Option<&WriterTitle<'_>>,
) -> Result<Option<Vec<PathStep>>, Failure> {
    let whole = [prefix, &path.names].concat();
    let resolved = match path.copied {
        true => resolve_copied(&whole, shape, title)?,
        false => resolve_named(path, &whole, shape, title)?,
    };
    let Some((steps, shape)) = resolved else { return Ok(None) };
    if let (Some(ty), Some(title), Some(shape)) = (&path.ty, title, shape)
        && let Fit::Never(why) = check_fit(shape, ty)
    {
        let message = format!("{title} does not fit: field `{}`: {why}; {HELP}", path.names.join("."));
        return Err(Failure::new(SCHEMA, message));
    }
    Ok(Some(steps.into_iter().skip(prefix.len()).collect()))
}

/// The steps to a field, and the field's shape if the schema describes it.
type ResolvedField<'s> = Option<(Vec<PathStep>, Option<&'s Shape>)>;

fn resolve_named<'s>(
    path: &FieldPath,
    whole: &[String],
    shape: &'s Shape,
    title: Option<&WriterTitle<'_>>,
) -> Result<ResolvedField<'s>, Failure> {
    match shape.resolve(whole) {
        Ok((positions, found)) => {
            let steps = whole.iter().zip(positions);
            let steps = steps.map(|(name, position)| PathStep { name: name.clone(), position });
            Ok(Some((steps.collect(), found)))
        }
        // Each value is searched instead: its own fields decide.
        Err(_) if path.root != PathRoot::Row && path.ty.is_none() => Ok(None),
        Err(error) => {
            let title = title.map_or_else(|| "the schema".to_owned(), ToString::to_string);
            let message = match error {
                PathError::Missing => format!("{title} has no field `{}`", path.names.join(".")),
                PathError::NotRecord(name) => {
                    format!("{title}: field `{name}` is read from a value that is not one record")
                }
            };
            Err(match path.ty {
                Some(_) => Failure::new(SCHEMA, format!("{message}; {HELP}")),
                None => Failure::new("SB-INGEST-PATH", message),
            })
        }
    }
}

fn resolve_copied<'s>(
    whole: &[String],
    shape: &'s Shape,
    title: Option<&WriterTitle<'_>>,
) -> Result<ResolvedField<'s>, Failure> {
    let title = || title.map_or_else(|| "the schema".to_owned(), ToString::to_string);
    let Some((name, outer)) = whole.split_last() else { return Ok(None) };
    let record = shape.resolve(outer).ok().and_then(|(positions, found)| Some((positions, found?.record()?)));
    let Some((positions, record)) = record else {
        let message = format!("{}: `\"*\"` needs one record whose fields can be columns; {HELP}", title());
        return Err(Failure::new(SCHEMA, message));
    };
    match record.find_field(name) {
        Ok(None) => Ok(None),
        Ok(Some((position, field))) => {
            let outer = outer.iter().cloned().zip(positions);
            let last = (field.name.clone(), Some(position));
            let steps = outer.chain([last]).map(|(name, position)| PathStep { name, position });
            Ok(Some((steps.collect(), Some(&field.shape))))
        }
        Err(AmbiguousField(one, other)) => {
            let message = format!("{}: fields `{one}` and `{other}` would be one column; {HELP}", title());
            Err(Failure::new(SCHEMA, message))
        }
    }
}

/// Logs each mismatch of a schema once, because its records only appear as dead letters.
pub(super) fn log_mismatches(paths: &[Result<Option<Vec<PathStep>>, Failure>]) {
    let mut logged: Vec<&str> = Vec::new();
    for failure in paths.iter().filter_map(|path| path.as_ref().err()) {
        if failure.code == SCHEMA && !logged.contains(&failure.message.as_str()) {
            tracing::warn!(code = SCHEMA, "{}", failure.message);
            logged.push(&failure.message);
        }
    }
}

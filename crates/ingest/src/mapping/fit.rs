//! Whether a writer's schema fits a path of the mapping: asked once a schema, before its first record.

use std::fmt;

use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::convert::{Fit, check_fit};
use spanbridge_schema::shape::{AmbiguousField, PathError};
use spanbridge_schema::{Shape, WriterSchema};

use super::plan::{Path, Root, Step};

const SCHEMA: &str = "SB-INGEST-SCHEMA";
const HELP: &str = "change the schema or the mapping, then replay";

/// A writer's schema, for errors.
pub(super) struct Title<'a> {
    pub(super) writer: &'a WriterSchema,
    pub(super) subject: Option<&'a str>,
}

impl fmt::Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = self.writer.schema.message() {
            write!(f, "message {message} of ")?;
        }
        write!(f, "schema id {}", self.writer.id)?;
        self.subject.map_or(Ok(()), |subject| write!(f, " (subject {subject})"))
    }
}

/// The steps to the path's field; none where the writer may leave it out and does. `prefix` stands in front of it in
/// the schema, not in the value.
///
/// # Errors
/// The field is not there, or no value of it converts: what `check` calls an error, no more.
pub(super) fn steps(
    path: &Path,
    prefix: &[String],
    shape: &Shape,
    title: Option<&Title<'_>>,
) -> Result<Option<Vec<Step>>, Failure> {
    let whole = [prefix, &path.steps].concat();
    let found = match path.copied {
        true => copied(&whole, shape, title)?,
        false => plain(path, &whole, shape, title)?,
    };
    let Some((steps, shape)) = found else { return Ok(None) };
    if let (Some(ty), Some(title), Some(shape)) = (&path.ty, title, shape)
        && let Fit::Never(why) = check_fit(shape, ty)
    {
        let message = format!("{title} does not fit: field `{}`: {why}; {HELP}", path.steps.join("."));
        return Err(Failure::new(SCHEMA, message));
    }
    Ok(Some(steps.into_iter().skip(prefix.len()).collect()))
}

/// The steps to a field, and what the schema says of it, if it does.
type Found<'s> = Option<(Vec<Step>, Option<&'s Shape>)>;

fn plain<'s>(
    path: &Path,
    whole: &[String],
    shape: &'s Shape,
    title: Option<&Title<'_>>,
) -> Result<Found<'s>, Failure> {
    match shape.resolve(whole) {
        Ok((positions, found)) => {
            let steps = whole.iter().zip(positions);
            let steps = steps.map(|(name, position)| Step { name: name.clone(), position });
            Ok(Some((steps.collect(), found)))
        }
        // It is looked for in each value, whose own fields decide.
        Err(_) if path.root != Root::Row && path.ty.is_none() => Ok(None),
        Err(fault) => {
            let title = title.map_or_else(|| "the schema".to_owned(), ToString::to_string);
            let what = match fault {
                PathError::Missing => format!("{title} has no field `{}`", path.steps.join(".")),
                PathError::NotRecord(name) => format!("{title}: `{name}` is asked of what is not one record"),
            };
            Err(match path.ty {
                Some(_) => Failure::new(SCHEMA, format!("{what}; {HELP}")),
                None => Failure::new("SB-INGEST-PATH", what),
            })
        }
    }
}

fn copied<'s>(whole: &[String], shape: &'s Shape, title: Option<&Title<'_>>) -> Result<Found<'s>, Failure> {
    let title = || title.map_or_else(|| "the schema".to_owned(), ToString::to_string);
    let Some((name, outer)) = whole.split_last() else { return Ok(None) };
    let record = shape.resolve(outer).ok().and_then(|(positions, found)| Some((positions, found?.record()?)));
    let Some((positions, record)) = record else {
        let message = format!("{}: it is not one record whose fields could be columns; {HELP}", title());
        return Err(Failure::new(SCHEMA, message));
    };
    match record.find_field(name) {
        Ok(None) => Ok(None),
        Ok(Some((position, field))) => {
            let outer = outer.iter().cloned().zip(positions);
            let last = (field.name.clone(), Some(position));
            let steps = outer.chain([last]).map(|(name, position)| Step { name, position });
            Ok(Some((steps.collect(), Some(&field.shape))))
        }
        Err(AmbiguousField(one, other)) => {
            let message = format!("{}: fields `{one}` and `{other}` would be one column; {HELP}", title());
            Err(Failure::new(SCHEMA, message))
        }
    }
}

/// Says once what does not fit: its records only go to the dead letters.
pub(super) fn tell(paths: &[Result<Option<Vec<Step>>, Failure>]) {
    let mut told: Vec<&str> = Vec::new();
    for failure in paths.iter().filter_map(|path| path.as_ref().err()) {
        if failure.code == SCHEMA && !told.contains(&failure.message.as_str()) {
            tracing::warn!(code = SCHEMA, "{}", failure.message);
            told.push(&failure.message);
        }
    }
}

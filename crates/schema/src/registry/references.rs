//! Fetches the schemas to which a schema refers.

use std::collections::HashSet;

use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_subject_and_version};
use schema_registry_converter::schema_registry_common::RegisteredReference;

use super::{error_mapping, options};
use crate::reference::SchemaReference;
use crate::{Error, ErrorKind, Result};

/// The largest number of schemas to which one schema may refer, directly or indirectly.
const MAX_REFERENCES: usize = 100;

/// A step of the depth-first walk over references.
enum Step {
    /// Fetch this reference, and then its own references.
    Fetch(RegisteredReference),
    /// Emit this reference: its own references have been emitted.
    Emit(SchemaReference),
}

/// Fetches all schemas to which `what` refers, directly or indirectly. Each comes after its own references.
///
/// The library's own resolution knows a name only with a dot before its namespace, and defines a name again for each
/// use. So it is not used here.
pub(super) async fn fetch(
    settings: &SrSettings,
    references: Vec<RegisteredReference>,
    what: &str,
) -> Result<Vec<SchemaReference>> {
    let mut emitted = Vec::new();
    let mut seen = HashSet::new();
    let mut steps: Vec<Step> = references.into_iter().rev().map(Step::Fetch).collect();
    while let Some(step) = steps.pop() {
        let reference = match step {
            Step::Fetch(reference) => reference,
            Step::Emit(reference) => {
                emitted.push(reference);
                continue;
            }
        };
        if !seen.insert((reference.name.clone(), reference.subject.clone(), reference.version)) {
            continue;
        }
        if seen.len() > MAX_REFERENCES {
            let message = format!("{what} refers to more than {MAX_REFERENCES} schemas");
            return Err(Error::new(ErrorKind::UnusableSchema, message));
        }
        let path = options::path_segment(&reference.subject);
        let found = get_schema_by_subject_and_version(settings, &path, Some(reference.version))
            .await
            .map_err(|error| missing(error_mapping::translate(&error, what), &reference, what))?;
        steps.push(Step::Emit(SchemaReference { name: reference.name, text: found.schema }));
        steps.extend(found.references.into_iter().rev().map(Step::Fetch));
    }
    Ok(emitted)
}

/// The error of a reference that cannot be fetched. If it does not exist, the schema is unusable.
fn missing(error: Error, reference: &RegisteredReference, what: &str) -> Error {
    match error.kind() {
        ErrorKind::UnknownSchema | ErrorKind::UnknownSubject => Error::new(
            ErrorKind::UnusableSchema,
            format!(
                "{what} refers to version {} of subject {}, which does not exist",
                reference.version, reference.subject
            ),
        ),
        _ => error,
    }
}

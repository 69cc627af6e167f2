use std::collections::HashSet;

use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_subject_and_version};
use schema_registry_converter::schema_registry_common::RegisteredReference;

use super::{failure, options};
use crate::{Error, Kind, Result};

/// Schemas that one schema may refer to, directly or not.
const MAX_REFERENCES: usize = 100;

/// A reference on the way down (fetch it), or on the way up (all that it needs is there).
enum Step {
    Fetch(RegisteredReference),
    Done(Reference),
}

/// A schema that another refers to.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// What the other calls it: a full name, a `$ref` or an `import`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All schemas that are referred to, each after those that it needs itself.
///
/// The client library's own resolution knows a name only with a dot before its namespace, and
/// defines a name again for each use, so it is not used here.
pub(super) async fn fetch(
    settings: &SrSettings,
    references: Vec<RegisteredReference>,
    what: &str,
) -> Result<Vec<Reference>> {
    let mut done = Vec::new();
    let mut seen = HashSet::new();
    let mut steps: Vec<Step> = references.into_iter().rev().map(Step::Fetch).collect();
    while let Some(step) = steps.pop() {
        let reference = match step {
            Step::Fetch(reference) => reference,
            Step::Done(reference) => {
                done.push(reference);
                continue;
            }
        };
        if !seen.insert((reference.name.clone(), reference.subject.clone(), reference.version)) {
            continue;
        }
        if seen.len() > MAX_REFERENCES {
            let message = format!("{what} refers to more than {MAX_REFERENCES} schemas");
            return Err(Error::new(Kind::UnusableSchema, message));
        }
        let path = options::path_segment(&reference.subject);
        let found = get_schema_by_subject_and_version(settings, &path, Some(reference.version))
            .await
            .map_err(|error| missing(failure::translate(&error, what), &reference, what))?;
        steps.push(Step::Done(Reference { name: reference.name, text: found.schema }));
        steps.extend(found.references.into_iter().rev().map(Step::Fetch));
    }
    Ok(done)
}

/// A reference that leads nowhere makes the schema unusable; other failures stay what they are.
fn missing(error: Error, reference: &RegisteredReference, what: &str) -> Error {
    match error.kind() {
        Kind::UnknownSchema | Kind::UnknownSubject => Error::new(
            Kind::UnusableSchema,
            format!(
                "{what} refers to version {} of subject {}, which does not exist",
                reference.version, reference.subject
            ),
        ),
        _ => error,
    }
}

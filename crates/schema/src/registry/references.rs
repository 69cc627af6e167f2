//! Fetches the schemas to which a schema refers.

use std::collections::HashSet;

use super::answer::{ReferenceAnswer, SchemaAnswer};
use super::client::{RegistryClient, Request};
use super::options;
use crate::reference::SchemaReference;
use crate::{Error, ErrorKind, Result};

/// The largest number of schemas to which one schema may refer, directly or indirectly.
const MAX_REFERENCES: usize = 100;

/// A step of the depth-first walk over references.
enum Step {
    /// Fetch this reference, and then its own references.
    Fetch(ReferenceAnswer),
    /// Emit this reference: its own references have been emitted.
    Emit(SchemaReference),
}

/// Fetches all schemas to which `what` refers, directly or indirectly. Each comes after its own references.
pub(super) async fn fetch(
    client: &RegistryClient,
    references: Vec<ReferenceAnswer>,
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
        let path =
            format!("subjects/{}/versions/{}", options::path_segment(&reference.subject), reference.version);
        let found: SchemaAnswer =
            client.call(&Request::get(path), what).await.map_err(|error| missing(error, &reference, what))?;
        steps.push(Step::Emit(SchemaReference { name: reference.name, text: found.schema }));
        steps.extend(found.references.into_iter().rev().map(Step::Fetch));
    }
    Ok(emitted)
}

/// The error of a reference that cannot be fetched. If it does not exist, the schema is unusable.
fn missing(error: Error, reference: &ReferenceAnswer, what: &str) -> Error {
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

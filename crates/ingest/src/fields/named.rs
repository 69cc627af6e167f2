use spanbridge_schema::Shape;
use spanbridge_schema::shape::AmbiguousField;

use crate::schemas::{Part, Version};

/// A field of a record, of all its schemas together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    /// As the newest schema that has it spells it.
    pub(crate) name: String,
    /// Of the newest schemas that have it.
    pub(crate) shape: Shape,
    /// A newest schema has it.
    pub(crate) newest: bool,
}

/// The fields of the record at that path, the newest schemas' first; names are compared without case.
///
/// # Errors
/// There is no schema, or a newest one has no such record, or two fields of one name.
pub(crate) fn named(part: &Part, path: &[String]) -> Result<Vec<Named>, String> {
    if part.versions.is_empty() {
        return Err(match part.unknown.as_slice() {
            [] if !part.unusable.is_empty() => part.unusable.join("; "),
            [] => "no subject is known".to_owned(),
            subjects => format!("the registry has no schema for subject {}", subjects.join(", ")),
        });
    }
    let mut fields: Vec<Named> = Vec::new();
    for version in part.versions.iter().filter(|version| version.newest) {
        add(&mut fields, version, path)?;
    }
    for version in part.versions.iter().rev().filter(|version| !version.newest) {
        // What a former writer made of the record is no reason to refuse the newer ones.
        let mut known = fields.clone();
        if add(&mut known, version, path).is_ok() {
            fields = known;
        }
    }
    Ok(fields)
}

fn add(fields: &mut Vec<Named>, version: &Version, path: &[String]) -> Result<(), String> {
    let found = version.shape.resolve(path).ok().and_then(|(_, found)| found?.record());
    let title = &version.title;
    let record = found.ok_or_else(|| format!("what {title} has there is not one record with fields"))?;
    for field in &record.fields {
        if let Err(AmbiguousField(one, other)) = record.find_field(&field.name) {
            return Err(format!("fields `{one}` and `{other}` of {title} would be one column"));
        }
        match fields.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&field.name)) {
            None => {
                let (name, shape) = (field.name.clone(), field.shape.clone());
                fields.push(Named { name, shape, newest: version.newest });
            }
            // Another topic's newest schema; of older ones, the newest says the type.
            Some(known) if version.newest => {
                known.shape = Shape::union([known.shape.clone(), field.shape.clone()]);
            }
            Some(_) => {}
        }
    }
    Ok(())
}

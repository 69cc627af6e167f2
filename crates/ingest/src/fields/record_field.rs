use spanbridge_schema::Shape;
use spanbridge_schema::shape::AmbiguousField;

use crate::schemas::{PartSchemas, PathField, ResolvedReference, SchemaVersion, Schemas};

/// A field of a record over all its schemas.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordField {
    /// The name as the newest schema with the field spells it.
    pub(crate) name: String,
    /// The shape in the newest schemas with the field.
    pub(crate) shape: Shape,
    /// True if a newest schema has the field.
    pub(crate) newest: bool,
}

/// Returns the fields of the record at a path, those of the newest schemas first. Names are compared without case.
///
/// # Errors
/// No schema is known, or a newest one has no such record, or it has two fields whose names differ only in case.
pub(crate) fn record_fields(part: &PartSchemas, path: &[String]) -> Result<Vec<RecordField>, String> {
    if part.versions.is_empty() {
        return Err(match part.unknown.as_slice() {
            [] if !part.unusable.is_empty() => part.unusable.join("; "),
            [] => "no subject is known".to_owned(),
            subjects => format!("the registry has no schema for subject {}", subjects.join(", ")),
        });
    }
    let mut fields: Vec<RecordField> = Vec::new();
    for version in part.versions.iter().filter(|version| version.newest) {
        add(&mut fields, version, path)?;
    }
    for version in part.versions.iter().rev().filter(|version| !version.newest) {
        // An older schema that does not fit must not reject the newer ones.
        let mut known = fields.clone();
        if add(&mut known, version, path).is_ok() {
            fields = known;
        }
    }
    Ok(fields)
}

fn add(fields: &mut Vec<RecordField>, version: &SchemaVersion, path: &[String]) -> Result<(), String> {
    let found = version.shape.resolve(path).ok().and_then(|(_, found)| found?.record());
    let title = &version.title;
    let record = found.ok_or_else(|| format!("the path in {title} is not one record with fields"))?;
    for field in &record.fields {
        if let Err(AmbiguousField(one, other)) = record.find_field(&field.name) {
            return Err(format!("fields `{one}` and `{other}` of {title} would be one column"));
        }
        match fields.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&field.name)) {
            None => {
                let (name, shape) = (field.name.clone(), field.shape.clone());
                fields.push(RecordField { name, shape, newest: version.newest });
            }
            // This is the newest schema of another topic. Among older ones, the first seen determines the type.
            Some(known) if version.newest => {
                known.shape = Shape::union([known.shape.clone(), field.shape.clone()]);
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Returns a copied field's shape by the newest schemas that have the field.
///
/// # Errors
/// The schemas are not known, or none has the field.
pub(crate) fn newest_field(schemas: &Schemas, text: &str) -> Result<PathField, String> {
    let ResolvedReference::Field(part, mut path) = schemas.resolve(text) else {
        return Err(format!("`{text}` is not a field"));
    };
    let name = path.pop().unwrap_or_default();
    let fields = record_fields(part, &path)?;
    let field = fields.into_iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| format!("no schema has a field `{name}`"))?;
    Ok(PathField { nullable: field.shape.is_nullable(), shape: field.shape })
}

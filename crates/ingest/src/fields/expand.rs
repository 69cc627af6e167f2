use spanbridge_config::{
    AllFields, Config, Error, Ingest, IngestTable, KeySpans, Located, Mapping, RowsTable,
};
use spanbridge_protocol::table::Table;

use super::{MappedFields, RecordField, record_fields};
use crate::schemas::{ResolvedReference, Schemas};

const FIELDS: &str = "SB-MAPPING-FIELDS";
const HELP: &str = "give the record a schema whose fields can be columns, or name the columns in the file";

/// The treatment of a field without a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnmatchedFields {
    /// The field is omitted.
    LeaveOut,
    /// The field gets an entry for a column that is planned.
    PlanColumn,
}

/// Returns the pipeline with one entry for each field of each `"*"`.
///
/// # Errors
/// The fields of a `"*"` are not known. The error has its place in the file.
pub(crate) fn expand(
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    schemas: &Schemas,
    unmatched: UnmatchedFields,
) -> Result<Ingest, Error> {
    let mut expanded = pipeline.clone();
    let mut errors = Vec::new();
    for (mapping, live) in expanded.tables.iter_mut().zip(tables) {
        let IngestTable::Rows(rows) = mapping else { continue };
        let Some(all) = rows.all.clone() else { continue };
        match wildcard_fields(schemas, &all) {
            Ok(fields) => {
                let copies = copies(rows, &all, live.as_ref(), &fields, unmatched);
                rows.columns.extend(copies);
            }
            Err(why) => errors.push(config.error_at(
                all.path.span,
                FIELDS,
                format!("the fields of `{}` are not known: {why}", all.path),
                HELP,
            )),
        }
    }
    config.errors(errors).map_or(Ok(expanded), Err)
}

/// Returns the fields of a `"*"` that it does not exclude.
///
/// # Errors
/// The schemas are not known, or the path is not one record.
pub(crate) fn wildcard_fields(schemas: &Schemas, all: &AllFields) -> Result<Vec<RecordField>, String> {
    match schemas.resolve(&all.path) {
        ResolvedReference::Field(part, path) => {
            let mut fields = record_fields(part, &path)?;
            fields.retain(|field| !all.excludes(&field.name));
            Ok(fields)
        }
        ResolvedReference::Metadata(_) | ResolvedReference::Computed => {
            Err("the path does not lead into the value".to_owned())
        }
    }
}

fn copies(
    rows: &RowsTable,
    all: &AllFields,
    live: Option<&Table>,
    fields: &[RecordField],
    unmatched: UnmatchedFields,
) -> Vec<Mapping> {
    let mapped = MappedFields::new(rows, all, live);
    let is_mapped = |name: &str| rows.columns.iter().any(|own| own.column.eq_ignore_ascii_case(name));
    let column = |field: &RecordField| match live.and_then(|live| live.column(&field.name)) {
        Some(column) => (!column.generated && !is_mapped(&column.name)).then(|| column.name.clone()),
        None => (unmatched == UnmatchedFields::PlanColumn && !mapped.contains(&field.name))
            .then(|| field.name.clone()),
    };
    let copy = |field: &RecordField| {
        Some(Mapping {
            column: Located { value: column(field)?.into(), span: all.span },
            expr: Located { value: format!("{}.{}", all.path, field.name).into(), span: all.path.span },
            mask: None,
            copied: true,
            keys: KeySpans::default(),
        })
    };
    fields.iter().filter_map(copy).collect()
}

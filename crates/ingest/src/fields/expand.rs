use spanbridge_config::{
    AllFields, Config, Error, Ingest, IngestTable, KeySpans, Located, Mapping, RowsTable,
};
use spanbridge_protocol::table::Table;

use super::{Covered, Named, named};
use crate::schemas::{Read, Schemas};

const FIELDS: &str = "SB-MAPPING-FIELDS";
const HELP: &str = "give the record a schema whose fields can be columns, or name the columns in the file";

/// What becomes of a field without a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// It is left out: nothing writes it.
    LeftOut,
    /// It stands for a column that is to be made.
    Planned,
}

/// The pipeline with an entry for each field that `"*"` stands for.
///
/// # Errors
/// A `"*"` whose fields are not known, with its place.
pub(crate) fn expand(
    config: &Config,
    pipeline: &Ingest,
    tables: &[Option<Table>],
    schemas: &Schemas,
    without: Without,
) -> Result<Ingest, Error> {
    let mut expanded = pipeline.clone();
    let mut errors = Vec::new();
    for (mapping, live) in expanded.tables.iter_mut().zip(tables) {
        let IngestTable::Rows(rows) = mapping else { continue };
        let Some(all) = rows.all.clone() else { continue };
        match fields(schemas, &all) {
            Ok(fields) => {
                let copies = copies(rows, &all, live.as_ref(), &fields, without);
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

/// The fields that a `"*"` stands for.
///
/// # Errors
/// Why they are not known.
pub(crate) fn fields(schemas: &Schemas, all: &AllFields) -> Result<Vec<Named>, String> {
    match schemas.read(&all.path) {
        Read::Field(part, path) => named(part, &path),
        Read::Record(_) | Read::Expression => Err("it is no path into the value".to_owned()),
    }
}

fn copies(
    rows: &RowsTable,
    all: &AllFields,
    live: Option<&Table>,
    fields: &[Named],
    without: Without,
) -> Vec<Mapping> {
    let covered = Covered::new(rows, all, live);
    let is_mapped = |name: &str| rows.columns.iter().any(|own| own.column.eq_ignore_ascii_case(name));
    let column = |field: &Named| match live.and_then(|live| live.column(&field.name)) {
        Some(column) => (!column.generated && !is_mapped(&column.name)).then(|| column.name.clone()),
        None => (without == Without::Planned && !covered.has(&field.name)).then(|| field.name.clone()),
    };
    let copy = |field: &Named| {
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

//! `"*"` in the columns of a table, and `evolve`.

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{AllFields, Evolve, Ingest, IngestTable, SubjectStrategy, Topics, WriteMode};

/// Checks that `"*"` and `evolve = "add-columns"` can work.
pub(super) fn check(reader: &Reader, pipeline: &Ingest) {
    let tables: Vec<(&AllFields, WriteMode)> = pipeline
        .tables
        .iter()
        .filter_map(|table| match table {
            IngestTable::Rows(rows) => rows.all.as_ref().map(|all| (all, rows.mode)),
            IngestTable::Aggregates(_) => None,
        })
        .collect();
    if pipeline.evolve == Evolve::AddColumns && tables.is_empty() {
        let message = "`evolve = \"add-columns\"` has no meaning without a table that takes all fields";
        let mistake = reader.mistake(ErrorKind::Conflict, pipeline.keys.span("evolve"), message);
        reader.report(mistake.help("remove it, or write `\"*\" = \"value\"` into a table's `columns`"));
    }
    for (all, mode) in tables {
        if let Some((message, help)) = conflict(pipeline, mode) {
            reader.report(reader.mistake(ErrorKind::Conflict, all.span, message).help(help));
        }
    }
}

/// Returns why a table cannot take all fields, and what to do.
fn conflict(pipeline: &Ingest, mode: WriteMode) -> Option<(String, &'static str)> {
    let decoding = &pipeline.value;
    if !decoding.format.has_schema() {
        let message = format!("`\"*\"` needs a schema, and format `{}` has none", decoding.format.name());
        return Some((message, "name the columns, or use format avro, json-schema or protobuf"));
    }
    if matches!(pipeline.topics, Topics::Pattern(_)) && decoding.subject != SubjectStrategy::RecordName {
        let message = "`\"*\"` needs known subjects, and those of topics by pattern are not known";
        return Some((message.to_owned(), "name the topics, or use subject = \"record-name\""));
    }
    (mode == WriteMode::Delete).then(|| {
        let message = "`\"*\"` has no meaning with `mode = \"delete\"`: a delete has only a key";
        (message.to_owned(), "map the columns of the primary key")
    })
}

//! What several entries of the file say together.

mod columns;
mod masks;
mod names;
mod publish;
mod tables;

pub(crate) use names::{Case, duplicates};
pub(crate) use publish::publish;
pub(crate) use tables::OWN;

use crate::Ingest;
use crate::read::Reader;

/// The ingest pipelines.
pub(crate) fn ingest(reader: &Reader, pipelines: &[Ingest]) {
    names::duplicates(
        reader,
        pipelines.iter().map(|pipeline| &pipeline.name),
        Case::Matters,
        "ingest pipeline",
    );
    for pipeline in pipelines {
        masks::of(reader, pipeline);
        tables::within(reader, pipeline);
        for table in &pipeline.tables {
            columns::of(reader, table);
        }
    }
    tables::across(reader, pipelines);
}

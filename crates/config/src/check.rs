//! What several entries of the file say together.

mod all_fields;
mod columns;
mod masks;
mod names;
mod publish;
mod tables;
mod watermark;

pub(crate) use names::{Case, duplicates};
pub(crate) use publish::publish;
pub(crate) use tables::OWN;

use crate::read::Reader;
use crate::{Ingest, Located};

/// The ingest pipelines.
pub(crate) fn ingest(reader: &Reader, pipelines: &[Ingest]) {
    let identity = |pipeline: &Ingest| Located::new(pipeline.identity(), pipeline.name.span);
    let identities: Vec<_> = pipelines.iter().map(identity).collect();
    names::duplicates(reader, &identities, Case::Matters, "ingest pipeline");
    for pipeline in pipelines {
        masks::of(reader, pipeline);
        all_fields::of(reader, pipeline);
        watermark::of(reader, pipeline);
        tables::within(reader, pipeline);
        for table in &pipeline.tables {
            columns::of(reader, table);
        }
    }
    tables::across(reader, pipelines);
}

//! Checks that the entries of the file agree with each other.
//!
//! They run after all sections are read, on those pipelines that could be read, and report to the same
//! [`Reader`](crate::read::Reader). Nothing here looks at live tables or topics.

mod all_fields;
mod columns;
mod masks;
mod names;
mod publish;
mod registry;
mod tables;
mod watermark;

pub(crate) use names::{CaseSensitivity, report_duplicates};
pub(crate) use publish::check_publish;
pub(crate) use registry::check_registry;
pub(crate) use tables::BRIDGE_TABLES;

use crate::read::Reader;
use crate::{Ingest, Located};

/// Checks the ingest pipelines, each alone and together.
pub(crate) fn check_ingest(reader: &Reader, pipelines: &[Ingest]) {
    let identity = |pipeline: &Ingest| Located::new(pipeline.identity(), pipeline.name.span);
    let identities: Vec<_> = pipelines.iter().map(identity).collect();
    names::report_duplicates(reader, &identities, CaseSensitivity::Sensitive, "ingest pipeline");
    for pipeline in pipelines {
        masks::check(reader, pipeline);
        all_fields::check(reader, pipeline);
        watermark::check(reader, pipeline);
        tables::check_pipeline(reader, pipeline);
        for table in &pipeline.tables {
            columns::check(reader, table);
        }
    }
    tables::check_pipelines(reader, pipelines);
}

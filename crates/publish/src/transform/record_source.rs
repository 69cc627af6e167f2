//! The source of all records of a pipeline.

use spanbridge_spanner::DatabaseName;

/// The pipeline, database and change stream that all records of a pipeline name as their source.
#[derive(Debug, Clone)]
pub(crate) struct RecordSource {
    pub(crate) pipeline: String,
    pub(crate) database: DatabaseName,
    pub(crate) change_stream: String,
}

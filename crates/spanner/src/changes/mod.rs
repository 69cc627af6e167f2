//! Change streams: the records, and the query that reads one partition.
//!
//! [`Changes`] streams the records of one partition token. The result is an array of structs in GoogleSQL
//! (`struct_decoder`) and JSON text in the PostgreSQL dialect (`json_decoder`). No query is resumed here: an error ends
//! it, and the caller decides where to continue.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details>.

mod column_type_cache;
mod idle_timeout;
mod json_decoder;
mod query;
mod record;
mod struct_decoder;

pub use query::Changes;
pub use record::{
    ChangeRecord, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType, ValueCaptureType,
};

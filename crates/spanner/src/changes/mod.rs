//! Change streams: the records, and the query that reads them.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details>.

mod json;
mod layout;
mod query;
mod record;
mod shapes;
mod silence;

pub use query::Changes;
pub use record::{
    ChangeRecord, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType, ValueCaptureType,
};

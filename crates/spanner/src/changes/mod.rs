//! Change streams: the records, and the query that reads them.
//!
//! Source: <https://cloud.google.com/spanner/docs/change-streams/details>.

mod idle_timeout;
mod json;
mod layout;
mod query;
mod record;
mod shapes;

pub use query::Changes;
pub use record::{
    ChangeRecord, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType, ValueCaptureType,
};

//! Tables, views and change streams, read from INFORMATION_SCHEMA.
//!
//! Source: <https://cloud.google.com/spanner/docs/information-schema>.

mod index;
mod message;
mod names;
mod stream;
mod table;
mod view;

pub use index::Index;
pub use names::quoted;
pub(crate) use names::quoted_postgres;
pub use stream::{ChangeStreamInfo, WatchedTables};

//! The catalog: tables, views, indexes and change streams, read from `INFORMATION_SCHEMA`.
//!
//! Each file adds its queries to [`Database`](crate::Database). Callers are the services at startup and the commands
//! `check` and `plan`; nothing here changes a schema.
//!
//! Source: <https://cloud.google.com/spanner/docs/information-schema>.

mod constraints;
mod dialect;
mod index;
mod message;
mod names;
mod stream;
mod synonym;
mod table;
mod view;

pub use index::Index;
pub use names::quoted;
pub(crate) use names::quoted_postgres;
pub use stream::{ChangeStreamInfo, WatchedTables};

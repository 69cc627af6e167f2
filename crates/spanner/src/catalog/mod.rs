//! Tables and change streams, read from INFORMATION_SCHEMA.
//!
//! Source: <https://cloud.google.com/spanner/docs/information-schema>.

mod stream;
mod table;

pub use stream::{ChangeStreamInfo, Watched};

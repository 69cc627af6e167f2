//! A façade over the Cloud Spanner client: blind commits, read-write transactions, reads by key, change streams, schema.
//!
//! No other crate uses the client library. Every call is one RPC with a deadline and without a hidden retry, so that its
//! result is unambiguous: [`ErrorKind`] says what the caller may conclude, and the caller decides what to do next.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod call;
mod catalog;
mod changes;
mod commit;
mod credentials;
mod database;
mod decode;
mod dialect;
mod error;
pub mod migrate;
mod name;
mod options;
mod permissions;
mod query;
mod range;
mod read;
mod request_options;
mod sample;
mod session;
mod snapshot;
mod tag;
mod temporary_database;
mod tls;
mod transaction;
mod wire;

pub use admin::{Admin, SchemaDefinition};
pub use catalog::{ChangeStreamInfo, Index, WatchedTables, quoted};
pub use changes::{
    ChangeRecord, Changes, ChildPartition, ChildPartitions, ColumnType, DataChange, Mod, ModType,
    ValueCaptureType,
};
pub use commit::{CommitOptions, Committed};
pub use credentials::Identity;
pub use database::Database;
pub use decode::{decode_column, encode_column};
pub use dialect::Dialect;
pub use error::{Error, ErrorKind, Result};
pub use name::DatabaseName;
pub use options::Options;
pub use permissions::Access;
pub use range::KeyRange;
pub use request_options::{DirectedRead, Priority};
pub use snapshot::Snapshot;
pub use tag::{CommitTag, PipelineTag};
pub use temporary_database::{TemporaryDatabase, TemporaryDatabaseTarget};
pub use tls::{ClientCertificate, Tls};
pub use transaction::ReadWrite;

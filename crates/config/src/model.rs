//! The file's sections as plain structs, one module per noun, each with how it is read.

pub(crate) mod aggregate;
pub(crate) mod all_fields;
pub(crate) mod batch;
mod call;
pub(crate) mod database;
pub(crate) mod decoding;
pub(crate) mod format;
pub(crate) mod function;
pub(crate) mod groups;
pub(crate) mod ingest;
pub(crate) mod kafka;
pub(crate) mod mapping;
pub(crate) mod publish;
pub(crate) mod registry;
mod reserved;
pub(crate) mod rows;
pub(crate) mod spanner;
pub(crate) mod table;
pub(crate) mod telemetry;
pub(crate) mod template;
pub(crate) mod topics;
pub(crate) mod version;
pub(crate) mod window;

//! Tests of the façade on a real emulator; each test has its own database.
#![allow(clippy::unwrap_used)]

mod catalog;
mod changes;
mod errors;
mod keys;
mod migrate;
mod outage;
mod position;
mod postgres;
mod ranges;
mod relay;
mod support;
mod transaction;
mod types;

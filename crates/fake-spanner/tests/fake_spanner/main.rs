//! Tests of the fake through the bridge's client, and in comparison with the emulator.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod administration;
mod concurrency;
mod emulator;
mod faults;
mod identity;
mod limits;
mod position;
mod streams;
mod support;
mod tls;
mod token_server;
mod transactions;
mod wire_options;

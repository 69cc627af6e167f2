//! The properties of librdkafka 2.12.1: names, types, ranges, and which kind of client uses them.
//!
//! `config` validates the file with this table, without librdkafka, and `kafka` asks it which properties a client
//! takes. The crate depends on nothing. `tests/document.rs` compares the table with librdkafka's `CONFIGURATION.md`, and a
//! test of `kafka` compares it with the library itself.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod availability;
mod property;
mod table;

pub use availability::missing_part;
pub use property::{Client, Property, Value};

/// Returns the property of this name.
pub fn find(name: &str) -> Option<&'static Property> {
    all().iter().find(|property| property.name == name)
}

/// Returns all properties, sorted by name.
pub fn all() -> &'static [Property] {
    &table::TABLE
}

/// The endings of the names of properties that hold a secret: a password, a token or a private key.
pub const SECRET_SUFFIXES: [&str; 6] =
    ["password", "secret", "token", "passphrase", "key.pem", "oauthbearer.config"];

/// Returns whether the property holds a secret, by its name.
pub fn is_secret(name: &str) -> bool {
    SECRET_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

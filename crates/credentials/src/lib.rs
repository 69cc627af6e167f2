//! Secrets and OAuth tokens: how they are read, kept out of sight, and renewed.
//!
//! A [`Secret`] never appears in `Debug` output, and no error of this crate contains one. A [`SecretSource`] is read again
//! at each use, so that a replaced secret takes effect. A [`TokenProvider`] fetches tokens, and [`TokenCache`] keeps them
//! until shortly before they expire. [`TokenThread`] serves callers that are not asynchronous, such as librdkafka's
//! callback.
//!
//! The crates `kafka` and `schema` use this crate, and `service` connects it to the configuration file. This crate knows
//! neither of them. It never logs.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aws;
mod body;
mod error;
mod google;
mod http;
mod jwt;
mod oidc;
mod secret;
mod secret_source;
mod token;
mod token_cache;
mod token_thread;

pub use aws::AwsMskProvider;
pub use body::{BodyError, read_body};
pub use error::{Error, ErrorKind, Result};
pub use google::{GoogleOptions, GoogleProvider, GoogleTokenForm};
pub use oidc::{OidcOptions, OidcProvider};
pub use secret::Secret;
pub use secret_source::SecretSource;
pub use token::{Token, TokenProvider};
pub use token_cache::TokenCache;
pub use token_thread::TokenThread;

//! Starts Apache Kafka, the Spanner emulator, a schema registry and worker processes, for the demo, tests and benchmarks.
//!
//! A [`Testbed`] starts the components that its [`Options`] request. Each component runs on free loopback ports and in a
//! temporary folder, and ends with this process, even when that is killed. A running component is used instead when the
//! options or the environment name one. [`child_process`] runs the services themselves.
//!
//! The crate knows only how to start, reach and stop these programs; it never speaks their protocols, except to ask
//! whether they answer.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cache;
mod certificates;
mod child;
pub mod child_process;
mod component;
mod connect;
mod error;
mod folder;
mod java;
mod kafka;
mod log_tail;
mod maven;
mod port;
mod prerequisite;
mod probe;
mod proxy;
mod python;
mod registry;
mod source;
mod spanner;
mod spawner;
mod token_server;

mod testbed;

pub use certificates::{Certificates, Identity};
pub use child::Stop;
pub use connect::Connect;
pub use error::{Error, ErrorKind};
pub use kafka::{
    Acl, Kafka, KafkaOptions, KafkaSecurity, KafkaUser, Listener, Operation, PLAIN_USERS, Resource,
    SUPER_USER,
};
pub use proxy::Proxy;
pub use python::Python;
pub use registry::{GateTls, Registry, RegistryGate, RegistryOptions};
pub use source::Source;
pub use spanner::{Spanner, SpannerAddress, SpannerOptions};
pub use token_server::{TokenAnswer, TokenRequest, TokenServer};

pub use testbed::{Options, Testbed};

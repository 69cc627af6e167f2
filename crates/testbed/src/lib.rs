//! Real parts for demo, tests and benchmarks: Apache Kafka, the Spanner emulator, a schema registry.
//!
//! Each part runs on free loopback ports and in a fresh folder, and ends with this process, also when that is
//! killed. Parts that run already are used instead when options or the environment name them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cache;
mod child;
pub mod child_process;
mod connect;
mod error;
mod folder;
mod java;
mod kafka;
mod log_tail;
mod maven;
mod part;
mod port;
mod prerequisite;
mod probe;
mod proxy;
mod python;
mod registry;
mod source;
mod spanner;
mod spawner;

mod testbed;

pub use child::Stop;
pub use connect::Connect;
pub use error::{Error, ErrorKind};
pub use kafka::{Kafka, KafkaOptions};
pub use proxy::Proxy;
pub use python::Python;
pub use registry::{Registry, RegistryOptions};
pub use source::Source;
pub use spanner::{Spanner, SpannerAddress, SpannerOptions};

pub use testbed::{Options, Testbed};

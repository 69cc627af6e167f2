//! Starts a schema registry with the Confluent API, or uses a running one.

mod apicurio;
mod gate;

use std::sync::Arc;

use crate::child::Stop;
use crate::component::{Component, Instance, off_thread};
use crate::error::Error;
use crate::source::{self, Source};

use apicurio::Apicurio;
pub use gate::{GateTls, RegistryGate};

/// The options of a schema registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// The source. The environment variable is `SPANBRIDGE_REGISTRY`: the base URL of the Confluent API.
    pub source: Source<String>,
}

/// A schema registry with compatibility BACKWARD: Apicurio Registry 3.3.3 started here, or a running registry.
pub struct Registry {
    instance: Instance<Apicurio, ()>,
    url: String,
}

impl Registry {
    /// Uses the registry that the options or the environment name, without asking whether it answers. Otherwise starts one
    /// and waits until it is ready.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MissingPrerequisite`] without setpriv, Java 21 or Maven (needed only for the first start);
    /// otherwise the reason why it did not start.
    pub async fn start(options: RegistryOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(url) = options.source.address(|| Ok(source::variable(source::REGISTRY)))? {
                return Ok(Self {
                    instance: Instance::External(()),
                    url: url.trim_end_matches('/').to_owned(),
                });
            }
            let component = Component::start_new(Apicurio::install()?)?;
            let url = format!("http://{}/apis/ccompat/v7", component.port(Apicurio::HTTP).address());
            Ok(Self { instance: Instance::Owned(Arc::new(component)), url })
        })
        .await
    }

    /// Returns the base URL of the Confluent API, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the registry's process id, or `None` when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.instance.pids().first().copied()
    }

    /// Stops the registry, which loses all its schemas. Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotOurs`]; [`crate::ErrorKind::Timeout`] when it did not exit within a minute, and was killed.
    pub async fn stop(&self) -> Result<(), Error> {
        self.instance.control(|component| component.stop(Stop::Clean)).await
    }
}

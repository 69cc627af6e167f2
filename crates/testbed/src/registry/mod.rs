//! A schema registry with the Confluent API.

mod apicurio;

use std::sync::Arc;

use crate::child::Stop;
use crate::error::Error;
use crate::part::{Part, Place, off_thread};
use crate::source::{self, Source};

use apicurio::Apicurio;

/// How to get a schema registry.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// Where from. The environment's is `SPANBRIDGE_REGISTRY`: the base URL of the Confluent API.
    pub source: Source<String>,
}

/// A schema registry with compatibility BACKWARD: Apicurio Registry 3.3.3 started here, or one that ran
/// already.
pub struct Registry {
    place: Place<Apicurio, ()>,
    url: String,
}

impl Registry {
    /// Uses the registry that `options` or the environment name (it is not asked whether it answers), or else
    /// starts one and waits until it is ready.
    ///
    /// # Errors
    /// [`crate::ErrorKind::MissingPrerequisite`] without setpriv, Java 21 or Maven (the last only for the
    /// first time); otherwise what kept it from starting.
    pub async fn start(options: RegistryOptions) -> Result<Self, Error> {
        off_thread(move || {
            if let Some(url) = options.source.address(|| Ok(source::variable(source::REGISTRY)))? {
                return Ok(Self { place: Place::External(()), url: url.trim_end_matches('/').to_owned() });
            }
            let part = Part::start_new(Apicurio::install()?)?;
            let url = format!("http://{}/apis/ccompat/v7", part.port(Apicurio::HTTP).address());
            Ok(Self { place: Place::Ours(Arc::new(part)), url })
        })
        .await
    }

    /// The base URL of the Confluent API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The registry's process id; none when it is stopped or was not started here.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.place.pids().first().copied()
    }

    /// Ends the registry, and with it all of its schemas. Does nothing when it is stopped.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotOurs`]; [`crate::ErrorKind::Timeout`] when it did not end cleanly in a minute
    /// (then it was killed).
    pub async fn stop(&self) -> Result<(), Error> {
        self.place.control(|part| part.stop(Stop::Clean)).await
    }
}

//! The source of a component: a new one, or a running one.

use crate::error::{Error, ErrorKind};
use crate::probe;

/// The variable that names running bootstrap servers.
pub(crate) const KAFKA: &str = "SPANBRIDGE_KAFKA";
/// The variable that names the version of Kafka that is started, such as `3.9.1`.
pub(crate) const KAFKA_VERSION: &str = "SPANBRIDGE_KAFKA_VERSION";
/// The variable that names the gRPC address of a running emulator.
pub(crate) const SPANNER: &str = "SPANBRIDGE_SPANNER";
/// The variable that names the REST address of the same emulator.
pub(crate) const SPANNER_REST: &str = "SPANBRIDGE_SPANNER_REST";
/// The variable that names the base URL of a running registry.
pub(crate) const REGISTRY: &str = "SPANBRIDGE_REGISTRY";

/// The source of a component.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source<A> {
    /// Use the component that the environment names, or start a new one.
    #[default]
    Environment,
    /// Start a new component, whatever the environment names: for tests that stop it or need special settings.
    New,
    /// Use the component at this address.
    Running(A),
}

impl<A> Source<A> {
    /// Returns the address of a running component, when one is to be used.
    pub(crate) fn address(
        self,
        environment: impl FnOnce() -> Result<Option<A>, Error>,
    ) -> Result<Option<A>, Error> {
        match self {
            Self::Environment => environment(),
            Self::New => Ok(None),
            Self::Running(address) => Ok(Some(address)),
        }
    }
}

pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Checks that at least one of `host:port,host:port` accepts connections. `variable` is named in the message.
pub(crate) fn check_any(addresses: &str, variable: &str) -> Result<(), Error> {
    if addresses.split(',').any(|address| probe::accepts(address.trim())) {
        return Ok(());
    }
    let what = format!(
        "nothing answers at `{addresses}`; give the host:port of a running one, or unset {variable} to start one"
    );
    Err(Error::new(ErrorKind::Address, what))
}

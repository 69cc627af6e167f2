//! Where a part comes from.

use crate::error::{Error, ErrorKind};
use crate::probe;

/// Names running bootstrap servers.
pub(crate) const KAFKA: &str = "SPANBRIDGE_KAFKA";
/// Names a running emulator's gRPC address.
pub(crate) const SPANNER: &str = "SPANBRIDGE_SPANNER";
/// Names the same emulator's REST address.
pub(crate) const SPANNER_REST: &str = "SPANBRIDGE_SPANNER_REST";
/// Names a running registry's base URL.
pub(crate) const REGISTRY: &str = "SPANBRIDGE_REGISTRY";

/// Whether to use a part that runs already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source<A> {
    /// The one that the environment names, or else a new one.
    #[default]
    Environment,
    /// A new one, whatever the environment says: for tests that stop it or need settings of their own.
    New,
    /// The one at this address.
    Running(A),
}

impl<A> Source<A> {
    /// The address of one that runs already, when it is to be used.
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

/// At least one of `host:port,host:port` must accept connections. `variable` is for the message.
pub(crate) fn check_any(addresses: &str, variable: &str) -> Result<(), Error> {
    if addresses.split(',').any(|address| probe::accepts(address.trim())) {
        return Ok(());
    }
    let what = format!(
        "nothing answers at `{addresses}`; give host:port of one that runs, or unset {variable} to start one"
    );
    Err(Error::new(ErrorKind::Address, what))
}

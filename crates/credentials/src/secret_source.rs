//! The place from which a secret is read.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::secret::Secret;

/// The place of a secret, such as a file, that is read again at each use.
///
/// `Debug` shows the name of the place, never the secret. A clone reads the same place.
#[derive(Clone)]
pub struct SecretSource {
    name: Arc<str>,
    read: Arc<dyn Fn() -> Result<Secret> + Send + Sync>,
}

impl SecretSource {
    /// A source that calls `read` at each use. `name` is the key of the configuration file, for messages.
    pub fn new(name: impl AsRef<str>, read: impl Fn() -> Result<Secret> + Send + Sync + 'static) -> Self {
        Self { name: name.as_ref().into(), read: Arc::new(read) }
    }

    /// A source whose value never changes.
    pub fn fixed(name: impl AsRef<str>, value: impl Into<String>) -> Self {
        let secret = Secret::new(value);
        Self::new(name, move || Ok(secret.clone()))
    }

    /// Reads the current value.
    ///
    /// # Errors
    /// [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) if the place cannot be read.
    pub fn read(&self) -> Result<Secret> {
        (self.read)()
    }

    /// The key of the configuration file.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({})", self.name)
    }
}

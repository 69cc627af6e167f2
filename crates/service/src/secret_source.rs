use spanbridge_config::Text;
use spanbridge_credentials::{Error, ErrorKind, Secret, SecretSource};

/// Returns the source of a secret of the configuration file. The value is read at each use; `key` names it in messages.
#[must_use]
pub fn secret_source(key: &str, text: &Text) -> SecretSource {
    let text = text.clone();
    SecretSource::new(key, move || {
        text.resolve().map(Secret::new).map_err(|error| Error::new(ErrorKind::Unreadable, error.to_string()))
    })
}

//! The client of the schema registry.

use std::path::PathBuf;
use std::sync::Arc;

use spanbridge_config::{Config, Error as ConfigError, Registry as Settings, RegistryAuthentication, Text};
use spanbridge_credentials::{GoogleTokenForm, TokenCache};
use spanbridge_schema::{Authentication, Registry, RegistryOptions};

use super::oauth::{provider, secret_source};
use crate::error::Result;

/// Returns a client of the registry, which has sent nothing yet. Without a section `[registry]`, each of its calls fails.
///
/// # Errors
/// A reference does not resolve, or the section cannot be used.
pub(crate) fn registry(config: &Config) -> Result<Registry> {
    match &config.registry {
        Some(settings) => Ok(Registry::connect(options(config, settings)?)?),
        None => Ok(Registry::absent()),
    }
}

fn options(config: &Config, settings: &Settings) -> Result<RegistryOptions, ConfigError> {
    let path = |text: &Text| -> Result<PathBuf, ConfigError> { Ok(text.resolve()?.into()) };
    let headers = settings
        .headers
        .iter()
        .map(|(name, value)| Ok((name.clone(), secret_source(value, &format!("registry.headers.{name}"))?)));
    let client_certificate = settings.client_certificate.as_ref();
    let client_certificate = client_certificate
        .map(|client| Ok::<_, ConfigError>((path(&client.certificate)?, path(&client.key)?)));
    Ok(RegistryOptions {
        urls: settings.urls.iter().map(Text::resolve).collect::<Result<_, ConfigError>>()?,
        authentication: authentication(config, &settings.authentication)?,
        headers: headers.collect::<Result<_, ConfigError>>()?,
        ca_file: settings.ca_file.as_ref().map(path).transpose()?,
        client_certificate: client_certificate.transpose()?,
        cache_dir: settings.cache_dir.as_ref().map(path).transpose()?,
        timeout: settings.timeout,
    })
}

fn authentication(config: &Config, settings: &RegistryAuthentication) -> Result<Authentication, ConfigError> {
    Ok(match settings {
        RegistryAuthentication::None => Authentication::None,
        RegistryAuthentication::Basic { username, password } => Authentication::Basic {
            username: secret_source(username, "registry.username")?,
            password: secret_source(password, "registry.password")?,
        },
        RegistryAuthentication::Bearer(token) => {
            Authentication::Bearer(secret_source(token, "registry.bearer_token")?)
        }
        RegistryAuthentication::OAuth(oauth) => {
            let provider = provider(config, oauth, "registry.oauth", GoogleTokenForm::Plain)?;
            Authentication::OAuth(Arc::new(TokenCache::new(provider)))
        }
    })
}

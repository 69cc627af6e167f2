//! Providers of bearer tokens, as the configuration file describes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_config::{Config, Error, OAuth, OAuthProvider, Oidc, Text};
use spanbridge_credentials::{
    AwsMskProvider, Error as CredentialsError, GoogleOptions, GoogleProvider, GoogleTokenForm, OidcOptions,
    OidcProvider, SecretSource, TokenProvider, TokenThread,
};

/// The result of reading a section, whose errors point into the file.
type Result<T> = std::result::Result<T, Error>;

/// Starts the thread that fetches the tokens of `[kafka.oauth]`, if the file has this section.
///
/// # Errors
/// A reference does not resolve, or the provider cannot be used.
pub(super) fn kafka_tokens(config: &Config) -> Result<Option<Arc<TokenThread>>> {
    let Some(oauth) = &config.kafka.oauth else { return Ok(None) };
    let provider = provider(config, oauth, "kafka.oauth", GoogleTokenForm::ManagedKafka)?;
    Ok(Some(Arc::new(TokenThread::start(provider).map_err(|error| failed(config, oauth, &error))?)))
}

/// Creates the provider of a section. `key` is the section's name for messages.
///
/// # Errors
/// A reference does not resolve, or the provider cannot be used.
pub(super) fn provider(
    config: &Config,
    oauth: &OAuth,
    key: &str,
    form: GoogleTokenForm,
) -> Result<Arc<dyn TokenProvider>> {
    let failed = |error: CredentialsError| failed(config, oauth, &error);
    Ok(match &oauth.provider {
        OAuthProvider::Oidc(oidc) => Arc::new(OidcProvider::new(oidc_options(oidc, key)?).map_err(failed)?),
        OAuthProvider::Google => {
            Arc::new(GoogleProvider::new(GoogleOptions::from_environment(form)).map_err(failed)?)
        }
        OAuthProvider::AwsMskIam { region } => {
            Arc::new(AwsMskProvider::new(region.resolve()?).map_err(failed)?)
        }
    })
}

fn oidc_options(oidc: &Oidc, key: &str) -> Result<OidcOptions> {
    Ok(OidcOptions {
        token_url: oidc.token_url.resolve()?,
        client_id: secret_source(&oidc.client_id, &format!("{key}.client_id"))?,
        client_secret: secret_source(&oidc.client_secret, &format!("{key}.client_secret"))?,
        scope: oidc.scope.as_ref().map(Text::resolve).transpose()?,
        extensions: BTreeMap::new(),
    })
}

/// Returns the source of a value of the file, which is read once now, so that a mistake has its place in the file.
///
/// # Errors
/// The reference does not resolve.
pub(super) fn secret_source(text: &Text, key: &str) -> Result<SecretSource> {
    text.resolve()?;
    Ok(spanbridge_service::secret_source(key, text))
}

/// Returns the error of a provider that cannot be used, at its place in the file.
fn failed(config: &Config, oauth: &OAuth, error: &CredentialsError) -> Error {
    config.error_at(oauth.span, "SB-CONFIG-VALUE", error.to_string(), "correct the keys of this table")
}

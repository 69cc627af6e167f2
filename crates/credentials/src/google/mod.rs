//! Tokens of Google's application default credentials.

mod adc;
mod kafka_token;
mod metadata_server;
mod service_account;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use google_cloud_auth::credentials::{AccessTokenCredentials, external_account, impersonated, user_account};
use reqwest::Client;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::error::{Error, ErrorKind, Result};
use crate::http;
use crate::secret::Secret;
use crate::token::{Token, TokenProvider};
use adc::{Adc, AdcKind};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The lifetime of a token of Google's library, which does not state it. The library renews its tokens four minutes before
/// they expire.
const LIBRARY_LIFETIME: Duration = Duration::from_secs(180);

/// The form of a Google token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoogleTokenForm {
    /// The access token itself, for HTTP servers.
    Plain,
    /// The form of Managed Service for Apache Kafka: a header, claims, and the access token, each in base64url.
    ManagedKafka,
}

/// The options of [`GoogleProvider`].
#[derive(Debug, Clone)]
pub struct GoogleOptions {
    /// The form of the tokens.
    pub form: GoogleTokenForm,
    /// The file with the credentials. `None`: the metadata server.
    pub credentials_file: Option<PathBuf>,
    /// The root of the metadata server, such as `http://metadata.google.internal`.
    pub metadata_url: String,
}

impl GoogleOptions {
    /// The options of this process: `GOOGLE_APPLICATION_CREDENTIALS`, then the file of `gcloud auth application-default
    /// login`, then the metadata server (`GCE_METADATA_HOST`).
    pub fn from_environment(form: GoogleTokenForm) -> Self {
        Self { form, credentials_file: adc::default_file(), metadata_url: metadata_server::default_url() }
    }
}

/// Fetches access tokens with application default credentials. The file is read again at each fetch.
#[derive(Debug)]
pub struct GoogleProvider {
    client: Client,
    options: GoogleOptions,
    /// The credentials of Google's library, for the kinds that it handles.
    library: Mutex<Option<LibraryCredentials>>,
}

/// Credentials of Google's library, and the file from which they were built.
struct LibraryCredentials {
    file: Value,
    credentials: AccessTokenCredentials,
}

/// An access token and the e-mail address of its account, if it has one.
struct AccessToken {
    value: Secret,
    expires_at: SystemTime,
    email: Option<String>,
}

impl GoogleProvider {
    /// A provider with these options. It neither reads the file nor connects yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unusable`] if no HTTP client can be built.
    pub fn new(options: GoogleOptions) -> Result<Self> {
        Ok(Self { client: http::client()?, options, library: Mutex::default() })
    }

    async fn fetch_token(&self) -> Result<Token> {
        let access = self.access_token().await?;
        let (value, principal) = match self.options.form {
            GoogleTokenForm::Plain => (access.value, access.email.unwrap_or_default()),
            GoogleTokenForm::ManagedKafka => {
                let email = access.email.ok_or_else(|| {
                    let message = "these Google credentials name no account: use a service account, impersonation of one, \
                                   or workload identity federation with impersonation";
                    Error::new(ErrorKind::Unusable, message)
                })?;
                let token = kafka_token::encode(&access.value, &email, SystemTime::now(), access.expires_at);
                (token, email)
            }
        };
        Ok(Token { value, expires_at: access.expires_at, principal, extensions: BTreeMap::new() })
    }

    async fn access_token(&self) -> Result<AccessToken> {
        let Some(adc) = Adc::read(self.options.credentials_file.as_deref())? else {
            return metadata_server::access_token(&self.client, &self.options.metadata_url).await;
        };
        match adc.kind {
            AdcKind::ServiceAccount => service_account::access_token(&self.client, adc.content).await,
            _ => self.library_token(adc).await,
        }
    }

    /// Asks Google's library for a token. The library renews tokens in the background.
    async fn library_token(&self, adc: Adc) -> Result<AccessToken> {
        let email = adc.email();
        let credentials = {
            let mut library = self.library.lock().await;
            let known = library.as_ref().filter(|library| library.file == adc.content);
            match known.map(|library| library.credentials.clone()) {
                Some(credentials) => credentials,
                None => library.insert(LibraryCredentials::new(&adc)?).credentials.clone(),
            }
        };
        let token = credentials.access_token().await.map_err(|error| {
            // The library's text may quote the server's answer.
            let kind = if error.is_transient() { ErrorKind::Unavailable } else { ErrorKind::Rejected };
            Error::new(kind, "Google issued no token for these application default credentials")
        })?;
        Ok(AccessToken {
            value: Secret::new(token.token),
            expires_at: SystemTime::now() + LIBRARY_LIFETIME,
            email,
        })
    }
}

impl LibraryCredentials {
    fn new(adc: &Adc) -> Result<Self> {
        let (json, scopes) = (adc.content.clone(), [SCOPE]);
        let built = match adc.kind {
            AdcKind::Impersonated => {
                impersonated::Builder::new(json).with_scopes(scopes).build_access_token_credentials()
            }
            AdcKind::ExternalAccount => {
                external_account::Builder::new(json).with_scopes(scopes).build_access_token_credentials()
            }
            AdcKind::User | AdcKind::ServiceAccount => {
                user_account::Builder::new(json).with_scopes(scopes).build_access_token_credentials()
            }
        };
        let credentials = built.map_err(|_| adc::invalid("a field is missing or invalid"))?;
        Ok(Self { file: adc.content.clone(), credentials })
    }
}

impl TokenProvider for GoogleProvider {
    fn fetch(&self) -> BoxFuture<'_, Result<Token>> {
        self.fetch_token().boxed()
    }
}

impl fmt::Debug for LibraryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LibraryCredentials")
    }
}

#[cfg(test)]
mod tests;

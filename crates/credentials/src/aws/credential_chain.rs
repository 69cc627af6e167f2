//! AWS credentials of the environment, through the providers of `reqsign`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqsign_aws_core::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProfileCredentialProvider, SSOCredentialProvider,
};
use reqsign_core::{Context, OsEnv, ProvideCredentialDyn};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_http_send_reqwest::ReqwestHttpSend;
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// The limits of requests to metadata servers, which are absent outside of AWS, and to STS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The credentials of one signature.
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    pub(super) session_token: Option<Secret>,
    pub(super) expires_at: Option<SystemTime>,
}

/// A place of credentials, with its name for messages.
pub(super) type Place = (&'static str, Arc<dyn ProvideCredentialDyn<Credential = Credential>>);

/// The places of credentials, in the order of the AWS SDKs.
///
/// The library has a chain as well, but that one logs errors in which servers may quote secrets.
#[derive(Debug)]
pub(super) struct CredentialChain {
    context: Context,
    places: Vec<Place>,
}

impl CredentialChain {
    /// The chain of this process.
    pub(super) fn new() -> Result<Self> {
        Ok(Self::with(
            context()?.with_env(OsEnv),
            vec![
                ("the environment", Arc::new(EnvCredentialProvider::new())),
                ("the shared files", Arc::new(ProfileCredentialProvider::default())),
                ("IAM Identity Center", Arc::new(SSOCredentialProvider::default())),
                ("the web identity token", Arc::new(AssumeRoleWithWebIdentityCredentialProvider::default())),
                ("the container's metadata", Arc::new(ECSCredentialProvider::default())),
                ("the instance's metadata", Arc::new(IMDSv2CredentialProvider::default())),
            ],
        ))
    }

    /// A chain of these places.
    pub(super) fn with(context: Context, places: Vec<Place>) -> Self {
        Self { context, places }
    }

    /// Returns the credentials of the first place that has some.
    ///
    /// # Errors
    /// If no place has credentials. The message names the places that failed, without the library's texts.
    pub(super) async fn credentials(&self) -> Result<Credentials> {
        let mut failures = Vec::new();
        for (place, provider) in &self.places {
            match provider.provide_credential_dyn(&self.context).await {
                Ok(Some(found)) => return Ok(Credentials::from(found)),
                Ok(None) => {}
                Err(error) => failures.push((*place, kind(&error))),
            }
        }
        Err(match failures.as_slice() {
            [] => Error::new(ErrorKind::Unusable, "no AWS credentials were found"),
            [(_, first), ..] => {
                let names: Vec<_> = failures.iter().map(|(place, _)| *place).collect();
                let message =
                    format!("no AWS credentials were found; reading {} failed", names.join(" and "));
                Error::new(*first, message)
            }
        })
    }
}

/// A context that reads files and sends requests, without environment variables.
pub(super) fn context() -> Result<Context> {
    let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT);
    let client = client.redirect(Policy::none()).build();
    let client =
        client.map_err(|_| Error::new(ErrorKind::Unusable, "no HTTP client can be built on this system"))?;
    Ok(Context::new().with_file_read(TokioFileRead).with_http_send(ReqwestHttpSend::new(client)))
}

fn kind(error: &reqsign_core::Error) -> ErrorKind {
    match error.kind() {
        reqsign_core::ErrorKind::PermissionDenied | reqsign_core::ErrorKind::CredentialInvalid => {
            ErrorKind::Rejected
        }
        reqsign_core::ErrorKind::ConfigInvalid | reqsign_core::ErrorKind::RequestInvalid => {
            ErrorKind::Unusable
        }
        _ => ErrorKind::Unavailable,
    }
}

impl From<Credential> for Credentials {
    fn from(found: Credential) -> Self {
        Self {
            access_key_id: found.access_key_id,
            secret_access_key: Secret::new(found.secret_access_key),
            session_token: found.session_token.filter(|token| !token.is_empty()).map(Secret::new),
            expires_at: found.expires_in.map(|expiry| expiry.as_system_time()),
        }
    }
}

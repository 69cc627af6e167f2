//! Cloud KMS over REST: it wraps and unwraps data keys.
//!
//! Source: <https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys>.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use spanbridge_credentials::read_body;
use tokio::sync::OnceCell;

use crate::error::{Error, ErrorKind};

/// The prefix of the ids of these keys in envelopes.
pub(crate) const PREFIX: &str = "kms:";
/// The endpoint of the API.
const ENDPOINT: &str = "https://cloudkms.googleapis.com";
/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of an answer, in bytes. The API limits a plaintext or ciphertext to 64 KiB.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// A symmetric key of Cloud KMS, `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
pub struct Kms {
    key: String,
    endpoint: String,
    credentials: OnceCell<AccessTokenCredentials>,
    client: OnceCell<Client>,
}

impl Kms {
    /// Returns the key, used with application default credentials. `endpoint` replaces that of Google Cloud.
    pub fn new(key: impl Into<String>, endpoint: Option<String>) -> Self {
        let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { key: key.into(), endpoint, credentials: OnceCell::new(), client: OnceCell::new() }
    }

    /// Uses these credentials instead of application default credentials.
    #[must_use]
    pub fn with_credentials(self, credentials: AccessTokenCredentials) -> Self {
        Self { credentials: OnceCell::from(credentials), ..self }
    }

    /// Returns the wrapped data key, and the id of the key's version that wrapped it.
    pub(crate) async fn wrap(&self, associated: &[u8], key: &[u8]) -> Result<(String, Vec<u8>), Error> {
        let body = json!({
            "plaintext": STANDARD.encode(key),
            "additionalAuthenticatedData": STANDARD.encode(associated),
        });
        let answer = self.call("encrypt", &body).await?;
        let version = answer["name"].as_str().filter(|name| name.starts_with(&self.key));
        let version = version.ok_or_else(|| unexpected("encrypt"))?;
        Ok((format!("{PREFIX}{version}"), bytes(&answer, "ciphertext").ok_or_else(|| unexpected("encrypt"))?))
    }

    /// Returns the data key that [`Kms::wrap`] wrapped under the key version `id`.
    pub(crate) async fn unwrap(&self, associated: &[u8], id: &str, wrapped: &[u8]) -> Result<Vec<u8>, Error> {
        let key = id.strip_prefix(PREFIX).and_then(|name| name.split("/cryptoKeyVersions/").next());
        if key != Some(self.key.as_str()) {
            return Err(Error::new(ErrorKind::UnknownKey, format!("the payload needs the key {id}")));
        }
        let body = json!({
            "ciphertext": STANDARD.encode(wrapped),
            "additionalAuthenticatedData": STANDARD.encode(associated),
        });
        let answer = self.call("decrypt", &body).await?;
        bytes(&answer, "plaintext").ok_or_else(|| unexpected("decrypt"))
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Value, Error> {
        let unavailable = |problem: &str| {
            Error::new(ErrorKind::Unavailable, format!("Cloud KMS ({}): {problem}", self.key))
        };
        let token = self.credentials().await?.access_token().await.map_err(|error| {
            let problem = "application default credentials give no token";
            if error.is_transient() {
                unavailable(problem)
            } else {
                Error::new(ErrorKind::Key, format!("Cloud KMS ({}): {problem}", self.key))
            }
        })?;
        let client = self.client.get_or_try_init(async || Client::builder().timeout(TIMEOUT).build()).await;
        let client = client.map_err(|_| unavailable("no HTTP client can be created"))?;
        let url = format!("{}/v1/{}:{method}", self.endpoint, self.key);
        // The errors of the client contain the URL, and the body of a refusal may repeat the request: neither is shown.
        let answer = client.post(url).bearer_auth(token.token).json(body).send().await;
        let answer = answer.map_err(|error| {
            unavailable(if error.is_timeout() { "no answer in time" } else { "it cannot be reached" })
        })?;
        let status = answer.status();
        if status.is_success() {
            let body = read_body(answer, MAX_ANSWER_BYTES).await.map_err(|_| unexpected(method))?;
            return serde_json::from_slice(&body).map_err(|_| unexpected(method));
        }
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(unavailable(status.as_str())),
            _ if status.is_server_error() => Err(unavailable(status.as_str())),
            // The API answers so to a ciphertext that the key or the associated data did not make.
            StatusCode::BAD_REQUEST if method == "decrypt" => {
                Err(Error::new(ErrorKind::Damaged, "Cloud KMS cannot decrypt the data key of the payload"))
            }
            _ => {
                let message = format!(
                    "Cloud KMS refuses to {method} with {}: {status}; grant the role \
                     roles/cloudkms.cryptoKeyEncrypterDecrypter, and check that the key is enabled",
                    self.key
                );
                Err(Error::new(ErrorKind::Key, message))
            }
        }
    }

    async fn credentials(&self) -> Result<&AccessTokenCredentials, Error> {
        let build = async || {
            Builder::default().build_access_token_credentials().map_err(|_| {
                Error::new(
                    ErrorKind::Key,
                    "Cloud KMS needs application default credentials, which cannot be used",
                )
            })
        };
        self.credentials.get_or_try_init(build).await
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms").field("key", &self.key).finish_non_exhaustive()
    }
}

fn bytes(answer: &Value, field: &str) -> Option<Vec<u8>> {
    STANDARD.decode(answer[field].as_str()?).ok()
}

fn unexpected(method: &str) -> Error {
    Error::new(ErrorKind::Key, format!("Cloud KMS gives an unexpected answer to {method}"))
}

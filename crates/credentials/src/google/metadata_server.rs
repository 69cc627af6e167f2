//! Tokens of the metadata server of Compute Engine, GKE and Cloud Run.
//!
//! Source: <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>.

use std::time::{Duration, SystemTime};

use reqwest::Client;

use super::AccessToken;
use super::service_account::TokenResponse;
use crate::error::{Error, ErrorKind, Result};
use crate::http;
use crate::secret::Secret;

const SERVER: &str = "Google's metadata server";

/// The metadata server of this process.
pub(super) fn default_url() -> String {
    let host = std::env::var("GCE_METADATA_HOST").unwrap_or_else(|_| "metadata.google.internal".to_owned());
    format!("http://{host}")
}

/// Fetches a token and the account of this machine.
pub(super) async fn access_token(client: &Client, root: &str) -> Result<AccessToken> {
    let email = get(client, root, "email").await?;
    let body = get(client, root, "token").await?;
    let token = TokenResponse::parse(&body, SERVER)?;
    Ok(AccessToken {
        value: Secret::new(token.access_token),
        expires_at: SystemTime::now() + Duration::from_secs(token.expires_in),
        email: Some(String::from_utf8_lossy(&email).trim().to_owned()),
    })
}

async fn get(client: &Client, root: &str, what: &str) -> Result<Vec<u8>> {
    let url = format!("{root}/computeMetadata/v1/instance/service-accounts/default/{what}");
    let answer = http::send(client.get(url).header("Metadata-Flavor", "Google"), SERVER).await?;
    match answer.status {
        200 => Ok(answer.body),
        404 => {
            let message = format!("{SERVER} knows no service account of this machine");
            Err(Error::new(ErrorKind::Unusable, message))
        }
        status => Err(Error::new(http::status_kind(status), format!("{SERVER} answers {status}"))),
    }
}

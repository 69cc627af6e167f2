//! Tokens for the key of a service account.
//!
//! Source: <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use google_cloud_auth::credentials::service_account;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AccessToken, SCOPE, adc};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::{http, jwt};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEFAULT_TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SERVER: &str = "Google's token server";
/// The lifetime of an assertion, in seconds.
const ASSERTION_LIFETIME: u64 = 3600;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

/// The answer of Google's token servers.
#[derive(Deserialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: String,
    pub(super) expires_in: u64,
}

impl TokenResponse {
    pub(super) fn parse(body: &[u8], server: &str) -> Result<Self> {
        serde_json::from_slice(body).map_err(|_| {
            let message = format!("{server} sent an answer without `access_token` and `expires_in`");
            Error::new(ErrorKind::Unusable, message)
        })
    }
}

/// Exchanges a signed assertion for an access token.
pub(super) async fn access_token(client: &Client, key: Value) -> Result<AccessToken> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
    let email = text("client_email").ok_or_else(|| adc::invalid("it has no `client_email`"))?;
    let url = text("token_uri").unwrap_or_else(|| DEFAULT_TOKEN_URI.to_owned());
    let assertion = sign_assertion(key, &email, &url, SystemTime::now()).await?;
    let request =
        client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(&assertion));
    let answer = http::send(request, SERVER).await?;
    if answer.status != 200 {
        let message = format!("{SERVER} answers {} to the key of {email}", answer.status);
        return Err(Error::new(http::status_kind(answer.status), message));
    }
    let token = TokenResponse::parse(&answer.body, SERVER)?;
    let expires_at = SystemTime::now() + Duration::from_secs(token.expires_in);
    Ok(AccessToken { value: Secret::new(token.access_token), expires_at, email: Some(email) })
}

fn form(assertion: &Secret) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", GRANT).append_pair("assertion", assertion.expose()).finish()
}

/// Signs the assertion with the key, by RS256.
pub(super) async fn sign_assertion(key: Value, email: &str, url: &str, now: SystemTime) -> Result<Secret> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let kid = key.get("private_key_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let header = json(&Header { alg: "RS256", typ: "JWT", kid: &kid });
    let claims =
        json(&Claims { iss: email, scope: SCOPE, aud: url, iat: now, exp: now + ASSERTION_LIFETIME });
    let signer = service_account::Builder::new(key).build_signer();
    let signer = signer.map_err(|_| adc::invalid("its private key cannot be read"))?;
    let message = format!("{}.{}", jwt::encode(header), jwt::encode(claims));
    let signature =
        signer.sign(&message).await.map_err(|_| adc::invalid("its private key cannot be used"))?;
    Ok(Secret::new(format!("{message}.{}", jwt::encode(signature))))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings and numbers always have a form in JSON.
    serde_json::to_vec(value).unwrap_or_default()
}

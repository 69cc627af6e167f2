//! Tokens of an `OpenID` Connect server for client credentials.
//!
//! Source: RFC 6749, sections 2.3.1, 4.4 and 5.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::http::{self, Answer};
use crate::jwt;
use crate::secret::Secret;
use crate::secret_source::SecretSource;
use crate::token::{Token, TokenProvider};

/// The lifetime of a token whose server states none.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// The longest lifetime that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// The error codes of RFC 6749 and `OpenID` Connect. Other texts of the server may quote the request.
const ERROR_CODES: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
];

/// The options of [`OidcProvider`].
#[derive(Debug, Clone)]
pub struct OidcOptions {
    /// The token endpoint, `https://…` or `http://…`.
    pub token_url: String,
    /// The client's id.
    pub client_id: SecretSource,
    /// The client's secret.
    pub client_secret: SecretSource,
    /// The scope to ask for. `None` leaves it to the server.
    pub scope: Option<String>,
    /// The SASL extensions of each token.
    pub extensions: BTreeMap<String, String>,
}

/// Fetches tokens with the grant `client_credentials`.
///
/// The secret is sent in the `Authorization` header (`client_secret_basic`). If the server rejects the client, the secret
/// is sent once in the form (`client_secret_post`), and the way that works is used from then on.
#[derive(Debug)]
pub struct OidcProvider {
    client: Client,
    url: Url,
    /// The server as messages show it, without its query.
    server: String,
    options: OidcOptions,
    /// True if the server accepts the secret in the form only.
    uses_form: AtomicBool,
}

/// The answer of a token endpoint.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

/// The body of an error.
#[derive(Default, Deserialize)]
struct ErrorResponse {
    #[serde(default)]
    error: String,
}

impl OidcProvider {
    /// A provider with these options. It does not connect yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unusable`] if the URL is invalid or contains a user or password.
    pub fn new(options: OidcOptions) -> Result<Self> {
        let invalid =
            |what: &str| Error::new(ErrorKind::Unusable, format!("the token URL is invalid: {what}"));
        let url = Url::parse(&options.token_url).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("it must start with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it contains a user or password"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let server = format!("the token server {}{port}", url.host_str().unwrap_or_default());
        Ok(Self { client: http::client()?, url, server, options, uses_form: AtomicBool::new(false) })
    }

    async fn fetch_token(&self) -> Result<Token> {
        let (id, secret) = (self.options.client_id.read()?, self.options.client_secret.read()?);
        let uses_form = self.uses_form.load(Ordering::Relaxed);
        let mut answer = self.request(&id, &secret, uses_form).await?;
        if matches!(answer.status, 400 | 401) && error_code(&answer) == Some("invalid_client") {
            let second = self.request(&id, &secret, !uses_form).await?;
            if second.status == 200 {
                self.uses_form.store(!uses_form, Ordering::Relaxed);
                answer = second;
            }
        }
        if answer.status != 200 {
            return Err(self.rejection(&answer));
        }
        self.read_token(&answer.body, &id)
    }

    async fn request(&self, id: &Secret, secret: &Secret, uses_form: bool) -> Result<Answer> {
        let mut request = self.client.post(self.url.clone()).header(ACCEPT, "application/json");
        if !uses_form {
            request = request.header(AUTHORIZATION, basic(id, secret)?);
        }
        let form = self.form(uses_form.then_some((id, secret)));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        http::send(request, &self.server).await
    }

    /// The form of a request, with the credentials of `client_secret_post`.
    fn form(&self, credentials: Option<(&Secret, &Secret)>) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.options.scope {
            form.append_pair("scope", scope);
        }
        if let Some((id, secret)) = credentials {
            form.append_pair("client_id", id.expose()).append_pair("client_secret", secret.expose());
        }
        form.finish()
    }

    fn read_token(&self, body: &[u8], id: &Secret) -> Result<Token> {
        let response: TokenResponse = serde_json::from_slice(body).map_err(|_| {
            let message = format!("{} sent an answer without `access_token`", self.server);
            Error::new(ErrorKind::Unusable, message)
        })?;
        let claims = jwt::claims(&response.access_token);
        let now = SystemTime::now();
        let stated = response.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let claimed = || {
            let at = UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(claims.exp?).ok()?)?;
            Some(at.duration_since(now).unwrap_or_default())
        };
        let lifetime = stated.or_else(claimed).unwrap_or(DEFAULT_LIFETIME).min(MAX_LIFETIME);
        Ok(Token {
            principal: claims.sub.unwrap_or_else(|| id.expose().to_owned()),
            value: Secret::new(response.access_token),
            expires_at: now + lifetime,
            extensions: self.options.extensions.clone(),
        })
    }

    /// The error of an answer other than 200. The server's description is left out: it may quote the request.
    fn rejection(&self, answer: &Answer) -> Error {
        let code = error_code(answer).map(|code| format!(" ({code})")).unwrap_or_default();
        let kind = http::status_kind(answer.status);
        let advice = match kind {
            ErrorKind::Rejected => "; check the client's id, secret and scope",
            ErrorKind::Unusable => "; check the token URL",
            _ => "",
        };
        Error::new(kind, format!("{} answers {}{code}{advice}", self.server, answer.status))
    }
}

impl TokenProvider for OidcProvider {
    fn fetch(&self) -> BoxFuture<'_, Result<Token>> {
        self.fetch_token().boxed()
    }
}

/// The error code of an answer, if it is a known one.
fn error_code(answer: &Answer) -> Option<&'static str> {
    let response: ErrorResponse = serde_json::from_slice(&answer.body).ok()?;
    ERROR_CODES.into_iter().find(|code| *code == response.error)
}

/// The header of `client_secret_basic`. Both parts are form-encoded first.
fn basic(id: &Secret, secret: &Secret) -> Result<HeaderValue> {
    let encoded =
        |part: &Secret| form_urlencoded::byte_serialize(part.expose().as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut header = HeaderValue::try_from(format!("Basic {pair}"))
        .map_err(|_| Error::new(ErrorKind::Unusable, "the client's secret is too long"))?;
    header.set_sensitive(true);
    Ok(header)
}

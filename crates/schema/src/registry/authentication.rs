//! The credentials of the registry client, which are read again for each request.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use spanbridge_credentials::{self as credentials, Secret, SecretSource, Token, TokenCache};

use crate::{Error, ErrorKind, Result};

/// How the client authenticates. `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub enum Authentication {
    /// No credentials are sent.
    #[default]
    None,
    /// HTTP Basic authentication.
    Basic {
        /// The user name.
        username: SecretSource,
        /// The password.
        password: SecretSource,
    },
    /// HTTP Bearer authentication with a fixed token.
    Bearer(SecretSource),
    /// HTTP Bearer authentication with tokens of a provider.
    OAuth(Arc<TokenCache>),
}

/// The value of the header `Authorization` for one request.
pub(super) struct Credentials {
    pub(super) header: HeaderValue,
    /// The token of a provider.
    token: Option<Token>,
    /// The secrets in the header, which a server may quote in its errors.
    pub(super) secrets: Vec<Secret>,
}

impl Authentication {
    /// Reads the current credentials.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if a secret cannot be read or the token server does not answer;
    /// [`ErrorKind::Unauthorized`] if the token server rejects the client; [`ErrorKind::Configuration`].
    pub(super) async fn read(&self) -> Result<Option<Credentials>> {
        match self {
            Self::None => Ok(None),
            Self::Basic { username, password } => {
                let (username, password) = (read(username)?, read(password)?);
                let pair = STANDARD.encode(format!("{}:{}", username.expose(), password.expose()));
                let header = format!("Basic {pair}");
                Credentials::new(header, None, vec![password, Secret::new(pair)]).map(Some)
            }
            Self::Bearer(token) => {
                let token = read(token)?;
                Credentials::new(format!("Bearer {}", token.expose()), None, vec![token]).map(Some)
            }
            Self::OAuth(tokens) => Credentials::bearer(tokens.token().await.map_err(failed)?).map(Some),
        }
    }

    /// Returns other credentials than those that the registry has rejected; `None` if there are no others.
    ///
    /// # Errors
    /// The errors of [`Self::read`].
    pub(super) async fn renew(&self, rejected: &Credentials) -> Result<Option<Credentials>> {
        match (self, &rejected.token) {
            (Self::OAuth(tokens), Some(token)) => {
                Credentials::bearer(tokens.renew(token).await.map_err(failed)?).map(Some)
            }
            _ => Ok(self.read().await?.filter(|read| read.header != rejected.header)),
        }
    }
}

impl Credentials {
    fn new(header: String, token: Option<Token>, secrets: Vec<Secret>) -> Result<Self> {
        let mut header = HeaderValue::try_from(header).map_err(|_| {
            Error::new(ErrorKind::Configuration, "the registry's credentials contain a control character")
        })?;
        header.set_sensitive(true);
        Ok(Self { header, token, secrets })
    }

    fn bearer(token: Token) -> Result<Self> {
        let secrets = vec![token.value.clone()];
        Self::new(format!("Bearer {}", token.value.expose()), Some(token), secrets)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

fn read(source: &SecretSource) -> Result<Secret> {
    source.read().map_err(failed)
}

/// The error of credentials that cannot be had.
pub(super) fn failed(error: credentials::Error) -> Error {
    let kind = match error.kind() {
        credentials::ErrorKind::Unreadable | credentials::ErrorKind::Unavailable => ErrorKind::Unavailable,
        credentials::ErrorKind::Rejected => ErrorKind::Unauthorized,
        credentials::ErrorKind::Unusable => ErrorKind::Configuration,
    };
    Error::new(kind, format!("the registry's credentials: {error}"))
}

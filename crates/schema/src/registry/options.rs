//! The options of the registry client.

use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use schema_registry_converter::async_impl::schema_registry::SrSettings;

use crate::{Error, ErrorKind, Result};

/// The address of a schema registry and the credentials for it.
#[derive(Clone)]
pub struct RegistryOptions {
    /// The root of Confluent's API, such as `http://127.0.0.1:8081`. Apicurio's ends in `/apis/ccompat/v7`.
    pub url: String,
    /// The user name for basic authentication, together with `password`.
    pub username: Option<String>,
    /// The password for basic authentication.
    pub password: Option<String>,
    /// The bearer token, instead of user name and password.
    pub bearer_token: Option<String>,
    /// The timeout of one call, from connecting to the last byte.
    pub timeout: Duration,
}

impl RegistryOptions {
    /// Options without authentication and with a timeout of ten seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password: None,
            bearer_token: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// The URL without a trailing slash.
    pub(super) fn root(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// The settings of the library client, which makes all calls except those of `compatibility_client`.
    pub(super) fn settings(&self) -> Result<SrSettings> {
        let parsed = Url::parse(&self.url)
            .map_err(|error| invalid_options(&format!("its URL is invalid: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(invalid_options("its URL must start with http:// or https://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid_options(
                "its URL contains a user or password; set `username` and `password` instead",
            ));
        }
        if self.bearer_token.is_some() && self.username.is_some() {
            return Err(invalid_options("`bearer_token` and `username` are both set; set only one"));
        }
        let mut builder = SrSettings::new_builder(self.root().to_owned());
        builder.set_timeout(self.timeout);
        if let Some(token) = &self.bearer_token {
            builder.set_token_authorization(token);
        } else if let Some(username) = &self.username {
            builder.set_basic_authorization(username, self.password.as_deref());
        }
        builder
            .build_with(self.client())
            .map_err(|_| invalid_options("no HTTP client can be built with these options"))
    }

    /// A builder of HTTP clients with the timeout.
    pub(super) fn client(&self) -> ClientBuilder {
        // A redirect could send the credentials to another server.
        Client::builder().timeout(self.timeout).redirect(Policy::none())
    }

    /// Adds the credentials to a request.
    pub(super) fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match (&self.bearer_token, &self.username) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(username)) => request.basic_auth(username, self.password.as_deref()),
            (None, None) => request,
        }
    }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The error of invalid options.
pub(super) fn invalid_options(what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("the schema registry cannot be used: {what}"))
}

/// The subject, percent-encoded as one segment of a path. The unreserved characters of RFC 3986 stay.
pub(super) fn path_segment(subject: &str) -> String {
    subject.bytes().fold(String::with_capacity(subject.len()), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_is_encoded_as_one_segment() {
        assert_eq!(path_segment("delays.Flights-value"), "delays.Flights-value");
        assert_eq!(path_segment(":.ctx:a/b?c"), "%3A.ctx%3Aa%2Fb%3Fc");
    }

    #[test]
    fn options_hide_secrets_and_reject_conflicts() {
        let mut options = RegistryOptions::new("http://127.0.0.1:8081/");
        options.username = Some("u".into());
        options.password = Some("hunter2".into());
        assert!(options.settings().is_ok());
        assert!(!format!("{options:?}").contains("hunter2"));
        options.bearer_token = Some("t".into());
        assert_eq!(options.settings().unwrap_err().kind(), ErrorKind::Configuration);
        for url in ["", "127.0.0.1:8081", "ftp://a", "http://u:hunter2@127.0.0.1"] {
            let error = RegistryOptions::new(url).settings().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}

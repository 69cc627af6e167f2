use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Url};
use schema_registry_converter::async_impl::schema_registry::SrSettings;

use crate::{Error, Kind, Result};

/// Where the registry is, and who asks.
#[derive(Clone)]
pub struct Options {
    /// The root of Confluent's API, such as `http://127.0.0.1:8081` (Apicurio: with `/apis/ccompat/v7`).
    pub url: String,
    /// Basic authentication, together with `password`.
    pub username: Option<String>,
    pub password: Option<String>,
    /// Instead of user name and password.
    pub bearer_token: Option<String>,
    /// Of one call, from connecting to the last byte.
    pub timeout: Duration,
}

impl Options {
    /// No authentication, ten seconds a call.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password: None,
            bearer_token: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// The root without a slash at its end.
    pub(super) fn root(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Settings of the client that does all but the compatibility check.
    pub(super) fn settings(&self) -> Result<SrSettings> {
        let parsed = Url::parse(&self.url)
            .map_err(|error| configuration(&format!("its URL cannot be read: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(configuration("its URL must start with http:// or https://"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(configuration("its URL holds a user or password; use `username` and `password`"));
        }
        if self.bearer_token.is_some() && self.username.is_some() {
            return Err(configuration("give either `bearer_token` or `username`, not both"));
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
            .map_err(|_| configuration("no HTTP client can be built with these options"))
    }

    pub(super) fn client(&self) -> ClientBuilder {
        // No redirects: they could carry the credentials elsewhere.
        Client::builder().timeout(self.timeout).redirect(Policy::none())
    }

    pub(super) fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match (&self.bearer_token, &self.username) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(username)) => request.basic_auth(username, self.password.as_deref()),
            (None, None) => request,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

pub(super) fn configuration(what: &str) -> Error {
    Error::new(Kind::Configuration, format!("the schema registry cannot be used: {what}"))
}

/// A subject as one segment of a path: RFC 3986's unreserved characters stay.
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
    fn a_subject_is_one_segment() {
        assert_eq!(path_segment("delays.Flights-value"), "delays.Flights-value");
        assert_eq!(path_segment(":.ctx:a/b?c"), "%3A.ctx%3Aa%2Fb%3Fc");
    }

    #[test]
    fn options_show_no_secret_and_refuse_what_is_unclear() {
        let mut options = Options::new("http://127.0.0.1:8081/");
        options.username = Some("u".into());
        options.password = Some("hunter2".into());
        assert!(options.settings().is_ok());
        assert!(!format!("{options:?}").contains("hunter2"));
        options.bearer_token = Some("t".into());
        assert_eq!(options.settings().unwrap_err().kind(), Kind::Configuration);
        for url in ["", "127.0.0.1:8081", "ftp://a", "http://u:hunter2@127.0.0.1"] {
            let error = Options::new(url).settings().unwrap_err();
            assert_eq!(error.kind(), Kind::Configuration, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}

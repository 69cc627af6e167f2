//! The options of the registry client.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use spanbridge_credentials::SecretSource;

use super::authentication::Authentication;
use crate::{Error, ErrorKind, Result};

/// The addresses of a schema registry and the credentials for it. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// The roots of Confluent's API, such as `http://127.0.0.1:8081`, which are tried in turn. Apicurio's ends in
    /// `/apis/ccompat/v7`.
    pub urls: Vec<String>,
    /// The credentials.
    pub authentication: Authentication,
    /// Further headers of each request, by name.
    pub headers: Vec<(String, SecretSource)>,
    /// The PEM file of the certificates that sign the registry's. `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// The PEM files of the client's certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The folder that keeps schemas for the next start.
    pub cache_dir: Option<PathBuf>,
    /// The timeout of one request, from connecting to the last byte.
    pub timeout: Duration,
}

impl RegistryOptions {
    /// Options without authentication and with a timeout of ten seconds.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            authentication: Authentication::None,
            headers: Vec::new(),
            ca_file: None,
            client_certificate: None,
            cache_dir: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// The URLs without trailing slashes.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is none, or one is invalid.
    pub(super) fn roots(&self) -> Result<Vec<String>> {
        if self.urls.is_empty() {
            return Err(invalid_options("it has no URL"));
        }
        self.urls.iter().map(|url| root(url)).collect()
    }
}

fn root(url: &str) -> Result<String> {
    let parsed = Url::parse(url).map_err(|error| invalid_options(&format!("its URL is invalid: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(invalid_options("its URL must start with http:// or https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(invalid_options(
            "its URL contains a user or password; set `username` and `password` instead",
        ));
    }
    Ok(url.trim_end_matches('/').to_owned())
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
    fn options_hide_secrets_and_reject_invalid_urls() {
        let mut options = RegistryOptions::new("http://127.0.0.1:8081/");
        options.authentication = Authentication::Basic {
            username: SecretSource::fixed("username", "u"),
            password: SecretSource::fixed("password", "hunter2"),
        };
        assert_eq!(options.roots().unwrap(), ["http://127.0.0.1:8081"]);
        assert!(!format!("{options:?}").contains("hunter2"));
        for url in ["", "127.0.0.1:8081", "ftp://a", "http://u:hunter2@127.0.0.1"] {
            let error = RegistryOptions::new(url).roots().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}

//! `[registry]`: the schema registry.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::oauth::{OAuth, OAuthUse};
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{Located, Span, Text};

/// The bounds of `timeout`.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);
/// The default of `timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// `[registry]`: how to connect to a schema registry with Confluent's API.
#[derive(Debug, Clone)]
pub struct Registry {
    /// `url` or `urls`: `http://…` or `https://…`, with the path if the API is not at the root. They are tried in turn.
    /// One of both keys is required.
    pub urls: Vec<Text>,
    /// `username` and `password`, `bearer_token`, or `oauth`. Default: none.
    pub authentication: RegistryAuthentication,
    /// `headers`: further headers of each request, by name. Default: none.
    pub headers: BTreeMap<String, Text>,
    /// `ca_file`: the certificates that sign the registry's, instead of those of the system. Default: none.
    pub ca_file: Option<Text>,
    /// `client_certificate` and `client_key`: the files of the client's certificate and key. Default: none.
    pub client_certificate: Option<RegistryCertificate>,
    /// `cache_dir`: the folder that keeps schemas for the next start. Default: none.
    pub cache_dir: Option<Text>,
    /// `timeout`: the limit of one request. Default: 10 s.
    pub timeout: Duration,
    /// The place of the section's header.
    pub span: Span,
}

/// How the bridge authenticates to the registry.
#[derive(Debug, Clone, Default)]
pub enum RegistryAuthentication {
    /// No credentials are sent.
    #[default]
    None,
    /// HTTP Basic authentication.
    Basic {
        /// `username`.
        username: Text,
        /// `password`, by reference.
        password: Text,
    },
    /// HTTP Bearer authentication with `bearer_token`, by reference.
    Bearer(Text),
    /// HTTP Bearer authentication with tokens of `oauth`.
    OAuth(OAuth),
}

/// The files of a client's certificate and key, in PEM.
#[derive(Debug, Clone)]
pub struct RegistryCertificate {
    /// `client_certificate`: the certificate and those that sign it.
    pub certificate: Text,
    /// `client_key`: the private key, without a password.
    pub key: Text,
}

impl Registry {
    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let urls = read_urls(&section);
        let authentication = read_authentication(&section);
        let headers = section.optional("headers").and_then(|entry| entry.section());
        let headers = headers.map(read_headers).unwrap_or_default();
        let path = |key| section.optional(key).and_then(|entry| entry.text(rules::absolute_path));
        let (ca_file, cache_dir) = (path("ca_file"), path("cache_dir"));
        let client_certificate = match (path("client_certificate"), path("client_key")) {
            (Some(certificate), Some(key)) => Some(RegistryCertificate { certificate, key }),
            (Some(_), None) => report_missing(&section, "client_key"),
            (None, Some(_)) => report_missing(&section, "client_certificate"),
            (None, None) => None,
        };
        let timeout = section.optional("timeout").and_then(|entry| entry.duration(TIMEOUT));
        let span = section.span();
        section.finish();
        Some(Self {
            urls: urls?,
            authentication: authentication?,
            headers,
            ca_file,
            client_certificate,
            cache_dir,
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            span,
        })
    }
}

/// Reports a key that belongs to another one, unless that one has a mistake itself.
fn report_missing<T>(section: &Section<'_>, key: &'static str) -> Option<T> {
    if section.optional(key).is_none() {
        section.missing(key);
    }
    None
}

fn read_urls(section: &Section<'_>) -> Option<Vec<Text>> {
    match (section.optional("url"), section.optional("urls")) {
        (Some(url), None) => Some(vec![url.text(rules::url)?]),
        (None, Some(urls)) => {
            let elements = urls.elements()?;
            if elements.is_empty() {
                urls.report(ErrorKind::Value, format!("`{}` is empty", urls.path()), "name at least one URL");
            }
            let urls: Vec<_> = elements.iter().map(|entry| entry.text(rules::url)).collect();
            urls.into_iter().collect::<Option<Vec<_>>>().filter(|urls| !urls.is_empty())
        }
        (Some(url), Some(urls)) => {
            let mistake = section.reader().mistake(
                ErrorKind::Conflict,
                urls.key_span(),
                "`registry.urls` excludes `url`",
            );
            section.reader().report(mistake.other(url.key_span(), "also given").help("put all into `urls`"));
            None
        }
        (None, None) => {
            section.missing("url");
            None
        }
    }
}

fn read_authentication(section: &Section<'_>) -> Option<RegistryAuthentication> {
    let [username, password, bearer, oauth] =
        ["username", "password", "bearer_token", "oauth"].map(|key| section.optional(key));
    let user = username.as_ref().or(password.as_ref());
    let given: Vec<&Entry<'_>> = [user, bearer.as_ref(), oauth.as_ref()].into_iter().flatten().collect();
    if let [first, second, ..] = given.as_slice() {
        let message = match (second.key(), first.key()) {
            ("bearer_token", _) => "`registry.bearer_token` excludes `username` and `password`".to_owned(),
            (second, "bearer_token") => format!("`registry.{second}` excludes `bearer_token`"),
            (second, _) => format!("`registry.{second}` excludes `username` and `password`"),
        };
        let mistake = section.reader().mistake(ErrorKind::Conflict, second.key_span(), message);
        let mistake = mistake.other(first.key_span(), "also given").help("keep one way to authenticate");
        section.reader().report(mistake);
    }
    match (&username, &password) {
        (Some(_), None) => section.missing("password"),
        (None, Some(_)) => section.missing("username"),
        _ => {}
    }
    // All keys are read, so that all mistakes are reported together.
    let basic = username.zip(password).map(|(username, password)| {
        let (username, password) = (username.text(rules::filled), password.secret(rules::filled));
        Some(RegistryAuthentication::Basic { username: username?, password: password? })
    });
    let bearer = bearer.map(|entry| entry.secret(rules::filled).map(RegistryAuthentication::Bearer));
    let oauth = oauth.map(|entry| {
        let section = entry.section()?;
        OAuth::read(&section, OAuthUse::Registry).map(RegistryAuthentication::OAuth)
    });
    basic.or(bearer).or(oauth).unwrap_or(Some(RegistryAuthentication::None))
}

fn read_headers(section: Section<'_>) -> BTreeMap<String, Text> {
    let headers = section.entries().into_iter().filter_map(|entry| {
        let name: Located<str> = entry.key_name(rules::header_name)?;
        if name.eq_ignore_ascii_case("authorization") {
            let message = "the header `Authorization` has keys of its own";
            let mistake = entry.reader().mistake(ErrorKind::Reserved, entry.key_span(), message);
            entry.reader().report(mistake.help("use `username` and `password`, `bearer_token` or `oauth`"));
            return None;
        }
        Some((name.to_string(), entry.text(rules::header_value)?))
    });
    headers.collect()
}

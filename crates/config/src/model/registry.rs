//! `[registry]`: the schema registry.

use crate::error::ErrorKind;
use crate::read::{Section, rules};
use crate::{Span, Text};

/// `[registry]`: how to connect to a schema registry with Confluent's API.
#[derive(Debug, Clone)]
pub struct Registry {
    /// `url`: `http://…` or `https://…`, with the path if the API is not at the root. Required.
    pub url: Text,
    /// `username`: the user for HTTP Basic authentication, together with `password`. Default: none.
    pub username: Option<Text>,
    /// `password`: the password for HTTP Basic authentication, by reference. Default: none.
    pub password: Option<Text>,
    /// `bearer_token`: the token for HTTP Bearer authentication, by reference, instead of `username` and
    /// `password`. Default: none.
    pub bearer_token: Option<Text>,
    /// The place of the section's header.
    pub span: Span,
}

impl Registry {
    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let url = section.required("url").and_then(|entry| entry.text(rules::url));
        let [username, password, bearer] =
            ["username", "password", "bearer_token"].map(|key| section.optional(key));
        let given = (username.is_some(), password.is_some());
        if let (Some(user), Some(token)) = (username.as_ref().or(password.as_ref()), &bearer) {
            let message = "`registry.bearer_token` excludes `username` and `password`";
            let mistake = section.reader().mistake(ErrorKind::Conflict, token.key_span(), message);
            let mistake = mistake.other(user.key_span(), "also given").help("keep one way to authenticate");
            section.reader().report(mistake);
        }
        match given {
            (true, false) => section.missing("password"),
            (false, true) => section.missing("username"),
            _ => {}
        }
        let username = username.and_then(|entry| entry.text(rules::filled));
        let password = password.and_then(|entry| entry.secret(rules::filled));
        let bearer_token = bearer.and_then(|entry| entry.secret(rules::filled));
        for key in ["ca_file", "client_certificate"] {
            section.unsupported(key, "remove it; this version trusts the certificates of the system");
        }
        let span = section.span();
        section.finish();
        Some(Self { url: url?, username, password, bearer_token, span })
    }
}

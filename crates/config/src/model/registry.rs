//! `[registry]`

use crate::error::Kind;
use crate::read::{Section, check};
use crate::{Span, Text};

/// A schema registry with Confluent's API.
#[derive(Debug, Clone)]
pub struct Registry {
    /// `http://…` or `https://…`, with the path when the API is not at the root.
    pub url: Text,
    /// For HTTP Basic; together with `password`.
    pub username: Option<Text>,
    /// For HTTP Basic; together with `username`.
    pub password: Option<Text>,
    /// For HTTP Bearer, instead of `username` and `password`.
    pub bearer_token: Option<Text>,
    /// The section's header.
    pub span: Span,
}

impl Registry {
    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let url = section.required("url").and_then(|entry| entry.text(check::url));
        let [username, password, bearer] =
            ["username", "password", "bearer_token"].map(|key| section.optional(key));
        let given = (username.is_some(), password.is_some());
        if let (Some(user), Some(token)) = (username.as_ref().or(password.as_ref()), &bearer) {
            let message = "`registry.bearer_token` excludes `username` and `password`";
            let mistake = section.reader().mistake(Kind::Conflict, token.key_span(), message);
            let mistake = mistake.other(user.key_span(), "also given").help("keep one way to authenticate");
            section.reader().report(mistake);
        }
        match given {
            (true, false) => section.missing("password"),
            (false, true) => section.missing("username"),
            _ => {}
        }
        let username = username.and_then(|entry| entry.text(check::filled));
        let password = password.and_then(|entry| entry.secret(check::filled));
        let bearer_token = bearer.and_then(|entry| entry.secret(check::filled));
        for key in ["ca_file", "client_certificate"] {
            section.unsupported(key, "remove it; this version trusts the certificates of the system");
        }
        let span = section.span();
        section.finish();
        Some(Self { url: url?, username, password, bearer_token, span })
    }
}

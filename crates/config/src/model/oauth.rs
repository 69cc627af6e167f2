//! `oauth` of `[kafka]` and `[registry]`: where bearer tokens come from.

use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{Span, Text};

/// The provider of bearer tokens.
#[derive(Debug, Clone)]
pub struct OAuth {
    /// `provider`, with the keys that belong to it. Required.
    pub provider: OAuthProvider,
    /// The place of the table.
    pub span: Span,
}

/// A provider of bearer tokens.
#[derive(Debug, Clone)]
pub enum OAuthProvider {
    /// `oidc`: a token server, with the grant `client_credentials`.
    Oidc(Oidc),
    /// `google`: application default credentials.
    Google,
    /// `aws-msk-iam`: IAM access control of Amazon MSK. Only for Kafka.
    AwsMskIam {
        /// `region`: the AWS region of the cluster. Required.
        region: Text,
    },
}

/// The keys of the provider `oidc`.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// `token_url`: the token endpoint. Required.
    pub token_url: Text,
    /// `client_id`: the client's id. Required.
    pub client_id: Text,
    /// `client_secret`: the client's secret, by reference. Required.
    pub client_secret: Text,
    /// `scope`: the scope to ask for. Default: none.
    pub scope: Option<Text>,
}

/// The words of `provider`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Oidc,
    Google,
    AwsMskIam,
}

/// The server that receives the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OAuthUse {
    Kafka,
    Registry,
}

impl OAuth {
    pub(crate) fn read(section: &Section<'_>, used_by: OAuthUse) -> Option<Self> {
        let words = [("oidc", Word::Oidc), ("google", Word::Google), ("aws-msk-iam", Word::AwsMskIam)];
        let entry = section.required("provider");
        let word = entry.as_ref().and_then(|entry| entry.choice(&words, &[]));
        if let (Some(entry), Some(Word::AwsMskIam), OAuthUse::Registry) = (&entry, word, used_by) {
            let message = "`aws-msk-iam` signs tokens for Amazon MSK, which has no such registry";
            entry.report(ErrorKind::Conflict, message, "use `oidc` or `google`");
        }
        let provider = match word {
            Some(Word::Oidc) => Oidc::read(section, used_by).map(OAuthProvider::Oidc),
            Some(Word::Google) => Some(OAuthProvider::Google),
            Some(Word::AwsMskIam) => {
                let region = section.required("region").and_then(|entry| entry.text(rules::location));
                region.map(|region| OAuthProvider::AwsMskIam { region })
            }
            None => {
                // The keys of all providers are known, so that only `provider` is reported.
                for key in ["token_url", "client_id", "client_secret", "scope", "extensions", "region"] {
                    section.optional(key);
                }
                None
            }
        };
        section.finish();
        Some(Self { provider: provider?, span: section.span() })
    }
}

impl Oidc {
    fn read(section: &Section<'_>, used_by: OAuthUse) -> Option<Self> {
        let token_url = section.required("token_url").and_then(|entry| entry.text(rules::url));
        let client_id = section.required("client_id").and_then(|entry| entry.text(rules::filled));
        let client_secret = section.required("client_secret").and_then(|entry| entry.secret(rules::filled));
        let scope = section.optional("scope").and_then(|entry| entry.text(rules::filled));
        if let Some(entry) = section.optional("extensions") {
            refuse_extensions(&entry, used_by);
        }
        Some(Self { token_url: token_url?, client_id: client_id?, client_secret: client_secret?, scope })
    }
}

/// Reports `extensions`, which no client can send.
fn refuse_extensions(entry: &Entry<'_>, used_by: OAuthUse) {
    let (message, help) = match used_by {
        OAuthUse::Kafka => (
            "is not supported by this version: rdkafka passes no SASL extensions to librdkafka",
            "for Confluent Cloud use an API key with `sasl.mechanism` = \"PLAIN\"",
        ),
        OAuthUse::Registry => ("are sent to Kafka only", "use `headers` of [registry] instead"),
    };
    entry.report(ErrorKind::Unsupported, format!("`{}` {message}", entry.path()), help);
}

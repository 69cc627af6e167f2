//! `[kafka]`: the Kafka cluster.

use std::collections::BTreeMap;

use spanbridge_kafka_properties::{all, find};

use super::oauth::{OAuth, OAuthUse};
use super::reserved;
use crate::error::{Error, ErrorKind};
use crate::read::{Entry, Section, rules, suggest};
use crate::secrets::is_secret;
use crate::text::Origin;
use crate::{Span, Text};

/// `[kafka]`: how clients connect to the Kafka cluster.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `bootstrap_servers`: `host:port` of one or more brokers, separated by commas. Required.
    pub bootstrap_servers: Text,
    /// `[kafka.properties]`: further librdkafka properties by name. Properties that the bridge sets are
    /// rejected. Default: none.
    pub properties: BTreeMap<String, Text>,
    /// `[kafka.oauth]`: the provider of tokens for the mechanism OAUTHBEARER. Default: none.
    pub oauth: Option<OAuth>,
    /// The place of the section's header.
    pub span: Span,
}

impl Kafka {
    /// Returns the current values of all properties, including `bootstrap.servers`.
    ///
    /// # Errors
    /// If a reference cannot be resolved; see [`Text::resolve`].
    pub fn resolve(&self) -> Result<BTreeMap<String, String>, Error> {
        let servers = std::iter::once(("bootstrap.servers", &self.bootstrap_servers));
        let others = self.properties.iter().map(|(name, value)| (name.as_str(), value));
        servers.chain(others).map(|(name, value)| Ok((name.to_owned(), value.resolve()?))).collect()
    }

    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let servers = section.required("bootstrap_servers").and_then(|entry| entry.text(rules::host_ports));
        let properties = section.optional("properties").and_then(|entry| entry.section());
        let properties = properties.map(read_properties).unwrap_or_default();
        let oauth = section.optional("oauth");
        if let Some(entry) = &oauth {
            report_conflicts(entry, &properties);
        }
        // `Some(None)` if the file has no table, `None` if the table has mistakes.
        let oauth =
            oauth.map_or(Some(None), |entry| OAuth::read(&entry.section()?, OAuthUse::Kafka).map(Some));
        let span = section.span();
        section.finish();
        Some(Self { bootstrap_servers: servers?, properties, oauth: oauth?, span })
    }
}

/// Reports properties that `[kafka.oauth]` sets itself, and protocols without authentication.
fn report_conflicts(oauth: &Entry<'_>, properties: &BTreeMap<String, Text>) {
    for (name, value) in properties {
        let is_other = |word: &str| matches!(value.origin(), Origin::Inline(inline) if !inline.eq_ignore_ascii_case(word));
        let conflicts = match name.as_str() {
            "sasl.mechanism" | "sasl.mechanisms" => is_other("OAUTHBEARER"),
            "security.protocol" => is_other("sasl_ssl") && is_other("sasl_plaintext"),
            "sasl.username" | "sasl.password" | "enable.sasl.oauthbearer.unsecure.jwt" => true,
            name => name.starts_with("sasl.oauthbearer."),
        };
        if conflicts {
            let message = format!("the Kafka property `{name}` conflicts with [kafka.oauth]");
            let mistake = oauth.reader().mistake(ErrorKind::Conflict, value.span(), message);
            let mistake = mistake.other(oauth.key_span(), "here");
            oauth
                .reader()
                .report(mistake.help("remove one of both; OAUTHBEARER needs sasl_ssl or sasl_plaintext"));
        }
    }
}

fn read_properties(section: Section<'_>) -> BTreeMap<String, Text> {
    let properties = section.entries().into_iter().filter_map(|entry| {
        let name = entry.key().to_owned();
        Some((name, read_property(&entry)?))
    });
    properties.collect()
}

/// Reads one property, whose value may be a string, a number or a boolean.
fn read_property(entry: &Entry<'_>) -> Option<Text> {
    let name = entry.key();
    let report = |kind, message: String, help: String| {
        entry.reader().report(entry.reader().mistake(kind, entry.key_span(), message).help(help));
    };
    if entry.is_dotted() {
        let message = format!("the Kafka property `{name}…` is not quoted, so that its dots make tables");
        report(
            ErrorKind::Type,
            message,
            "quote the whole name: \"security.protocol\" = \"plaintext\"".to_owned(),
        );
        return None;
    }
    if let Some(reason) = reserved::reason(name) {
        let message = format!("the Kafka property `{name}` is set by the bridge: {reason}");
        report(ErrorKind::Reserved, message, "remove it".to_owned());
        return None;
    }
    let Some(property) = find(name).filter(|property| property.is_settable()) else {
        let names = all().iter().filter(|property| property.is_settable()).map(|property| property.name);
        let suggestion = suggest(name, names.filter(|name| reserved::reason(name).is_none()));
        let suggestion = suggestion.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        report(
            ErrorKind::UnknownKey,
            format!("librdkafka has no property `{}`{suggestion}", name.escape_debug()),
            "librdkafka's CONFIGURATION.md lists them, for version 2.12.1; Java's properties often have other names"
                .to_owned(),
        );
        return None;
    };
    if is_secret(name) && entry.is_inline_secret() {
        return None;
    }
    entry.property(property)
}

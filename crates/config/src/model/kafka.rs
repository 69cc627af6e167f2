//! `[kafka]`

use std::collections::BTreeMap;

use super::reserved;
use crate::error::{Error, Kind};
use crate::mask::is_secret;
use crate::read::{Entry, Section, check};
use crate::text::Origin;
use crate::{Span, Text};

/// How to reach Kafka.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// `host:port` of one or more brokers, separated by commas.
    pub bootstrap_servers: Text,
    /// Other librdkafka properties as they are, by name. The bridge's own are not among them.
    pub properties: BTreeMap<String, Text>,
    /// The section's header.
    pub span: Span,
}

impl Kafka {
    /// All properties, `bootstrap.servers` included, resolved now.
    ///
    /// # Errors
    /// As [`Text::resolve`].
    pub fn resolve(&self) -> Result<BTreeMap<String, String>, Error> {
        let servers = std::iter::once(("bootstrap.servers", &self.bootstrap_servers));
        let others = self.properties.iter().map(|(name, value)| (name.as_str(), value));
        servers.chain(others).map(|(name, value)| Ok((name.to_owned(), value.resolve()?))).collect()
    }

    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let servers = section.required("bootstrap_servers").and_then(|entry| entry.text(check::host_ports));
        let properties = section.optional("properties").and_then(|entry| entry.section());
        let properties = properties.map(properties_of).unwrap_or_default();
        let span = section.span();
        section.finish();
        Some(Self { bootstrap_servers: servers?, properties, span })
    }
}

fn properties_of(section: Section<'_>) -> BTreeMap<String, Text> {
    let properties = section.entries().into_iter().filter_map(|entry| {
        let name = entry.key().to_owned();
        Some((name, property(&entry)?))
    });
    properties.collect()
}

fn property(entry: &Entry<'_>) -> Option<Text> {
    let name = entry.key();
    if let Some(reason) = reserved::reason(name) {
        let message = format!("the Kafka property `{name}` is set by the bridge: {reason}");
        let mistake = entry.reader().mistake(Kind::Reserved, entry.key_span(), message);
        entry.reader().report(mistake.help("remove it"));
        return None;
    }
    if is_secret(name) {
        return entry.secret(check::any);
    }
    if let Some(value) = entry.plain() {
        let source = entry.reader().source().clone();
        return Some(Text::new(
            Origin::Inline(value),
            entry.path().to_owned(),
            entry.span(),
            source,
            check::any,
        ));
    }
    if entry.is_dotted() {
        let mistake = entry.reader().mistake(
            Kind::Type,
            entry.key_span(),
            format!("the Kafka property `{name}…` is not quoted, so that its dots make tables"),
        );
        entry.reader().report(mistake.help("quote the whole name: \"security.protocol\" = \"plaintext\""));
        return None;
    }
    entry.text(check::any)
}

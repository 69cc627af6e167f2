//! `telemetry.listen`: the addresses of the admin ports.

use std::net::{Ipv4Addr, SocketAddr};

use crate::error::ErrorKind;
use crate::read::{Entry, rules};

/// `listen`: the address of the admin port of each service.
///
/// A plain address is that of both services, which then cannot run on the same host at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// The address of `spanbridge ingest`. Default: 127.0.0.1:9464.
    pub ingest: SocketAddr,
    /// The address of `spanbridge publish`. Default: 127.0.0.1:9465.
    pub publish: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { ingest: local(9464), publish: local(9465) }
    }
}

impl Listen {
    /// Reads an address, or `{ ingest = "…", publish = "…" }`.
    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        if !entry.has_any(&["ingest", "publish"]) {
            return address(entry).map(|address| Self { ingest: address, publish: address });
        }
        let section = entry.section()?;
        let [ingest, publish] = ["ingest", "publish"].map(|key| section.optional(key));
        section.finish();
        let default = Self::default();
        let read = |entry: &Option<Entry<'_>>, default| match entry {
            Some(entry) => address(entry),
            None => Some(default),
        };
        let listen =
            Self { ingest: read(&ingest, default.ingest)?, publish: read(&publish, default.publish)? };
        if listen.ingest == listen.publish && listen.ingest.port() != 0 {
            let message = format!("`{}` gives both services the same address", entry.path());
            entry.report(ErrorKind::Conflict, message, "give each service a port of its own");
        }
        Some(listen)
    }
}

/// Reads an IP address with a port.
fn address(entry: &Entry<'_>) -> Option<SocketAddr> {
    let text = entry.string(rules::filled)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an IP address with a port", entry.path());
        entry.report(
            ErrorKind::Value,
            message,
            "write it as 127.0.0.1:9464, or 0.0.0.0:9464 for all interfaces",
        );
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Error};

    /// Parses a file with this `[telemetry]` section.
    fn listen(telemetry: &str) -> Result<Listen, Error> {
        let text = format!(
            "[kafka]\nbootstrap_servers = \"b:1\"\n[spanner]\ndatabase = \"projects/p/instances/in/databases/db\"\n\
             [registry]\nurl = \"http://r:1\"\n[telemetry]\n{telemetry}\n"
        );
        Config::parse("f.toml", &text).map(|config| config.telemetry.listen)
    }

    fn at(ingest: &str, publish: &str) -> Listen {
        Listen { ingest: ingest.parse().unwrap(), publish: publish.parse().unwrap() }
    }

    #[test]
    fn services_have_different_default_ports() {
        assert_eq!(listen("").unwrap(), at("127.0.0.1:9464", "127.0.0.1:9465"));
    }

    #[test]
    fn plain_address_is_that_of_both_services() {
        assert_eq!(listen("listen = \"0.0.0.0:80\"").unwrap(), at("0.0.0.0:80", "0.0.0.0:80"));
    }

    #[test]
    fn table_gives_each_service_an_address() {
        let both = listen("listen = { ingest = \"0.0.0.0:80\", publish = \"0.0.0.0:81\" }").unwrap();
        assert_eq!(both, at("0.0.0.0:80", "0.0.0.0:81"));
        assert_eq!(listen("listen.publish = \"0.0.0.0:81\"").unwrap(), at("127.0.0.1:9464", "0.0.0.0:81"));
        assert!(listen("listen = { ingest = \"0.0.0.0:0\", publish = \"0.0.0.0:0\" }").is_ok());
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        for (telemetry, expected) in [
            (
                "listen = { ingest = \"localhost:80\" }",
                "8:21: `telemetry.listen.ingest` is not an IP address with a port",
            ),
            ("listen = { ingest = \"[::]:80\", publisher = \"[::]:81\" }", "8:32: unknown key `publisher`"),
            (
                "listen = { ingest = \"[::]:80\", publish = \"[::]:80\" }",
                "8:10: `telemetry.listen` gives both services",
            ),
        ] {
            let error = listen(telemetry).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

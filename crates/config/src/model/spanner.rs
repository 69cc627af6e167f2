//! `[spanner]`: the Spanner database.

use super::database::DatabaseName;
use crate::Located;
use crate::Span;
use crate::error::ErrorKind;
use crate::read::{Section, rules};

/// The environment variable that the Spanner clients of Google read.
const EMULATOR_HOST_VARIABLE: &str = "SPANNER_EMULATOR_HOST";

/// `[spanner]`: the Spanner database and how to connect to it.
#[derive(Debug, Clone)]
pub struct Spanner {
    /// `database`: the full name, `projects/…/instances/…/databases/…`. Required.
    pub database: Located<DatabaseName>,
    /// `emulator_host`: `host:port` of the emulator's gRPC endpoint. Default: see [`Spanner::emulator_host`].
    pub emulator_host: Option<Located<str>>,
    /// `endpoint`: another address of Spanner, such as a regional one: `https://…`. Default: that of
    /// the client.
    pub endpoint: Option<Located<str>>,
    /// `role`: the database role of the sessions (fine-grained access control). Default: none.
    pub role: Option<Located<str>>,
    /// The place of the section's header.
    pub span: Span,
}

impl Spanner {
    /// Returns `host:port` of the emulator: that of the file, or else that of the environment variable
    /// `SPANNER_EMULATOR_HOST`; `None` for Spanner itself. An empty variable counts as unset.
    pub fn emulator_host(&self) -> Option<String> {
        match &self.emulator_host {
            Some(host) => Some(host.to_string()),
            None => std::env::var(EMULATOR_HOST_VARIABLE).ok().filter(|host| !host.is_empty()),
        }
    }

    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let database = section.required("database").and_then(|entry| {
            let name = entry.string(rules::filled)?;
            let parsed = DatabaseName::parse(&name);
            if parsed.is_none() {
                let message = format!("`{}` is not the full name of a database", entry.path());
                entry.report(
                    ErrorKind::Value,
                    message,
                    "write projects/<project>/instances/<instance>/databases/<database>",
                );
            }
            Some(Located::new(parsed?, name.span))
        });
        let host = section.optional("emulator_host").map(|entry| entry.string(rules::host_port));
        let endpoint = section.optional("endpoint").map(|entry| entry.string(rules::url));
        let role = section.optional("role").map(|entry| entry.string(rules::identifier));
        for key in ["credentials_file", "impersonate", "max_commit_delay", "priority", "directed_read"] {
            section.unsupported(
                key,
                "remove it; this version uses the client's defaults and application default credentials",
            );
        }
        let span = section.span();
        section.finish();
        Some(Self {
            database: database?,
            emulator_host: host.flatten(),
            endpoint: endpoint.flatten(),
            role: role.flatten(),
            span,
        })
    }
}

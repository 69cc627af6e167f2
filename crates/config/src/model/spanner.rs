//! `[spanner]`

use super::database::DatabaseName;
use crate::Located;
use crate::Span;
use crate::error::Kind;
use crate::read::{Section, check};

/// The environment variable that Spanner's own clients know.
const EMULATOR: &str = "SPANNER_EMULATOR_HOST";

/// Which Spanner database, and how to reach it.
#[derive(Debug, Clone)]
pub struct Spanner {
    /// The database.
    pub database: Located<DatabaseName>,
    /// `host:port` of the emulator's gRPC endpoint. See [`Spanner::emulator_host`].
    pub emulator_host: Option<Located<str>>,
    /// Another address of Spanner itself, such as a regional one: `https://…`.
    pub endpoint: Option<Located<str>>,
    /// The database role (fine-grained access control) that sessions take on.
    pub role: Option<Located<str>>,
    /// The section's header.
    pub span: Span,
}

impl Spanner {
    /// `host:port` of the emulator: the file's, else the environment's `SPANNER_EMULATOR_HOST`, else None
    /// for Spanner itself. An empty variable counts as none.
    pub fn emulator_host(&self) -> Option<String> {
        match &self.emulator_host {
            Some(host) => Some(host.to_string()),
            None => std::env::var(EMULATOR).ok().filter(|host| !host.is_empty()),
        }
    }

    pub(crate) fn read(section: Section<'_>) -> Option<Self> {
        let database = section.required("database").and_then(|entry| {
            let name = entry.string(check::filled)?;
            let parsed = DatabaseName::parse(&name);
            if parsed.is_none() {
                let message = format!("`{}` is not the full name of a database", entry.path());
                entry.wrong(
                    Kind::Value,
                    message,
                    "write projects/<project>/instances/<instance>/databases/<database>",
                );
            }
            Some(Located::new(parsed?, name.span))
        });
        let host = section.optional("emulator_host").map(|entry| entry.string(check::host_port));
        let endpoint = section.optional("endpoint").map(|entry| entry.string(check::url));
        let role = section.optional("role").map(|entry| entry.string(check::identifier));
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

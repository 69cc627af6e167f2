//! `[spanner]`: the Spanner database.

use std::time::Duration;

use super::database::DatabaseName;
use super::spanner_requests::{
    SpannerClientCertificate, SpannerDirectedRead, SpannerPriority, SpannerTimeouts,
};
use crate::consistency::CaseSensitivity;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{Located, Span};

/// The greatest delay of a commit that Spanner accepts.
/// Source: <https://cloud.google.com/spanner/docs/throughput-optimized-writes>.
const MAX_COMMIT_DELAY: Duration = Duration::from_millis(500);

/// The environment variable that the Spanner clients of Google read.
const EMULATOR_HOST_VARIABLE: &str = "SPANNER_EMULATOR_HOST";

/// `[spanner]`: the Spanner database and how to connect to it.
#[derive(Debug, Clone)]
pub struct Spanner {
    /// `database`: the full name, `projects/…/instances/…/databases/…`. Required.
    pub database: Located<DatabaseName>,
    /// `emulator_host`: `host:port` of the emulator's gRPC endpoint. Default: see [`Spanner::emulator_host`].
    pub emulator_host: Option<Located<str>>,
    /// `emulator_rest`: `host:port` of the REST gateway of the emulator, which schema changes need. Default: port
    /// 9020 beside a gRPC port of 9010.
    pub emulator_rest: Option<Located<str>>,
    /// `endpoint`: another address of Spanner, such as a regional one: `https://…`. Default: that of
    /// the client.
    pub endpoint: Option<Located<str>>,
    /// `ca_file`: the path of the certificate authorities of the endpoint, in PEM. Default: those of the system.
    pub ca_file: Option<Located<str>>,
    /// `client_certificate` and `client_key`: the client certificate for mutual TLS. Default: none.
    pub client_certificate: Option<SpannerClientCertificate>,
    /// `credentials_file`: the path of a credentials file, which is read again when it changes. Default:
    /// application default credentials.
    pub credentials_file: Option<Located<str>>,
    /// `impersonate`: the service accounts to impersonate: delegates, then the target. Default: none.
    pub impersonate: Vec<Located<str>>,
    /// `quota_project`: the project that is charged for the quota of calls. Default: that of the credentials.
    pub quota_project: Option<Located<str>>,
    /// `role`: the database role of the sessions (fine-grained access control). Default: none.
    pub role: Option<Located<str>>,
    /// `priority`: the priority of all requests. Default: none, which Spanner takes as high.
    pub priority: Option<SpannerPriority>,
    /// `max_commit_delay`: the time that Spanner may delay a commit to batch it with others, 0 to 500 ms.
    /// Default: none; Spanner then chooses.
    pub max_commit_delay: Option<Duration>,
    /// `directed_read`: the replicas that serve reads and change-stream queries. Default: Spanner chooses.
    pub directed_read: Option<SpannerDirectedRead>,
    /// `timeouts`: the time limits of calls.
    pub timeouts: SpannerTimeouts,
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
        let host = section.optional("emulator_host");
        let emulator = host.as_ref().map(Entry::key_span);
        let host = host.and_then(|entry| entry.string(rules::host_port));
        let rest = section.optional("emulator_rest").and_then(|entry| entry.string(rules::host_port));
        let string = |key, rule| {
            let entry = section.optional(key)?;
            report_emulator(&entry, emulator);
            entry.string(rule)
        };
        let endpoint = string("endpoint", rules::url);
        let ca_file = string("ca_file", rules::absolute_path);
        let credentials_file = string("credentials_file", rules::absolute_path);
        let quota_project = string("quota_project", rules::filled);
        let impersonate = section.optional("impersonate").and_then(|entry| {
            report_emulator(&entry, emulator);
            entry.names("service account", CaseSensitivity::Sensitive, rules::service_account)
        });
        let (client_certificate, certificate_span) = SpannerClientCertificate::read(&section);
        let tls_span = ca_file.as_ref().map(|file| file.span).or(certificate_span);
        if let Some(span) =
            tls_span.filter(|_| !endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("https://")))
        {
            let message = "`ca_file`, `client_certificate` and `client_key` need an `endpoint` with https://";
            let mistake = section.reader().mistake(ErrorKind::Conflict, span, message);
            section.reader().report(mistake.help("add `endpoint = \"https://host:port\"`, or remove them"));
        }
        let role = section.optional("role").and_then(|entry| entry.string(rules::identifier));
        let priority = section.optional("priority").and_then(|entry| SpannerPriority::read(&entry));
        let delay = section.optional("max_commit_delay");
        let delay = delay.and_then(|entry| entry.duration(Duration::ZERO..=MAX_COMMIT_DELAY));
        let directed = section.optional("directed_read").and_then(|entry| SpannerDirectedRead::read(&entry));
        let timeouts = section.optional("timeouts").and_then(|entry| entry.section());
        let timeouts = timeouts.map(SpannerTimeouts::read).unwrap_or_default();
        let span = section.span();
        section.finish();
        Some(Self {
            database: database?,
            emulator_host: host,
            emulator_rest: rest,
            endpoint,
            ca_file,
            client_certificate,
            credentials_file,
            impersonate: impersonate.unwrap_or_default(),
            quota_project,
            role,
            priority,
            max_commit_delay: delay,
            directed_read: directed,
            timeouts,
            span,
        })
    }
}

/// Reports a key that has no meaning for the emulator, which the file names at `emulator`.
fn report_emulator(entry: &Entry<'_>, emulator: Option<Span>) {
    if let Some(span) = emulator {
        let message = format!("`{}` has no effect on the emulator", entry.path());
        let mistake = entry.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
        let mistake = mistake.other(span, "the emulator").help("remove it, or `emulator_host`");
        entry.reader().report(mistake);
    }
}

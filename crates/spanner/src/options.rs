//! The address of a database, and the limits of calls to it.

use std::time::Duration;

use google_cloud_auth::credentials::{Credentials, anonymous};

use crate::credentials::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::request_options::{DirectedRead, Priority};
use crate::tls::Tls;

/// The default endpoint; [`Options::endpoint`] overrides it.
const SPANNER: &str = "https://spanner.googleapis.com";

/// The address of one database, and the time limits of calls to it.
///
/// Nothing is read from the environment: the caller looks up `SPANNER_EMULATOR_HOST`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the database, `projects/p/instances/i/databases/d`.
    pub database: String,
    /// The emulator's gRPC address, `host:port`; with it there is no TLS and no authentication.
    pub emulator_host: Option<String>,
    /// The REST address of the emulator's gateway, `host:port`, which administration needs.
    /// Without it, gRPC port 9010 implies 9020: the emulator's defaults.
    pub rest_endpoint: Option<String>,
    /// Another endpoint of the service, such as a regional one; `https://…`.
    pub endpoint: Option<String>,
    /// The certificates for the endpoint, as Spanner Omni needs them. Calls then need no credentials.
    pub tls: Option<Tls>,
    /// The identity of the client. The emulator needs none.
    pub identity: Identity,
    /// The database role of the session (fine-grained access control).
    pub role: Option<String>,
    /// The priority of reads, queries, change-stream queries and commits. Spanner's default is high.
    pub priority: Option<Priority>,
    /// The time that Spanner may delay a commit to batch it with others; at most 500 ms.
    pub max_commit_delay: Option<Duration>,
    /// The replicas that serve reads outside read-write transactions.
    pub directed_read: Option<DirectedRead>,
    /// The time limit of opening a session.
    pub connect_timeout: Duration,
    /// The time limit of one commit, and of the start and the rollback of a transaction.
    pub commit_timeout: Duration,
    /// The time limit of one read or query, from the first to the last row.
    pub read_timeout: Duration,
    /// The time limit of one schema change.
    pub admin_timeout: Duration,
    /// The number of gRPC connections for everything except change streams.
    pub channels: usize,
    /// The number of gRPC connections for change streams; the first query opens them.
    ///
    /// Spanner runs 100 concurrent calls on a connection. The client's HTTP/2 windows hold up to 5 MiB of unread data per
    /// connection and 2 MiB per query.
    pub stream_channels: usize,
}

impl Options {
    /// Returns the default options for a database on Cloud Spanner.
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            emulator_host: None,
            rest_endpoint: None,
            endpoint: None,
            tls: None,
            identity: Identity::default(),
            role: None,
            priority: None,
            max_commit_delay: None,
            directed_read: None,
            connect_timeout: Duration::from_secs(10),
            commit_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            admin_timeout: Duration::from_secs(600),
            channels: 4,
            stream_channels: 8,
        }
    }

    /// Returns the default options for an emulator: gRPC at `host` (`host:port`), the gateway's REST at `rest`.
    pub fn emulator(database: impl Into<String>, host: impl Into<String>, rest: impl Into<String>) -> Self {
        Self { emulator_host: Some(host.into()), rest_endpoint: Some(rest.into()), ..Self::new(database) }
    }

    /// Returns the gRPC endpoint. It is always passed to the client, which then reads no environment variable.
    pub(crate) fn grpc(&self) -> String {
        match (&self.emulator_host, &self.endpoint) {
            (Some(host), _) => http(host),
            (None, Some(endpoint)) => endpoint.clone(),
            (None, None) => SPANNER.to_owned(),
        }
    }

    /// Returns the REST endpoint for administration.
    pub(crate) fn rest(&self) -> Result<String> {
        match (&self.rest_endpoint, &self.emulator_host) {
            (Some(rest), _) => Ok(http(rest)),
            (None, Some(host)) => match http(host).strip_suffix(":9010") {
                Some(host) => Ok(format!("{host}:9020")),
                None => Err(Error::new(
                    ErrorKind::Config,
                    "connect",
                    format!(
                        "the REST address of the emulator at {host} is unknown; set rest_endpoint to its gateway's address"
                    ),
                )),
            },
            (None, None) => Ok(self.endpoint.clone().unwrap_or_else(|| SPANNER.to_owned())),
        }
    }

    /// Returns anonymous credentials for the emulator, otherwise those of [`Options::identity`]; `None` leaves the choice to the
    /// client library: application default credentials, or none for an endpoint with own certificates or without TLS.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>> {
        match &self.emulator_host {
            Some(_) => Ok(Some(anonymous::Builder::new().build())),
            None => self.identity.credentials(),
        }
    }
}

fn http(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_from_the_options() {
        let options = Options::new("projects/p/instances/i/databases/d");
        assert_eq!(options.grpc(), SPANNER);
        assert_eq!(options.rest().unwrap(), SPANNER);
        assert!(options.credentials().unwrap().is_none());

        let options = Options { emulator_host: Some("localhost:9010".into()), ..options };
        assert_eq!(options.grpc(), "http://localhost:9010");
        assert_eq!(options.rest().unwrap(), "http://localhost:9020");
        assert!(options.credentials().unwrap().is_some());

        let options = Options { emulator_host: Some("127.0.0.1:1234".into()), ..options };
        assert_eq!(options.rest().unwrap_err().kind(), ErrorKind::Config);
        let options = Options { rest_endpoint: Some("127.0.0.1:1235".into()), ..options };
        assert_eq!(options.rest().unwrap(), "http://127.0.0.1:1235");
    }
}

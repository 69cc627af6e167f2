use std::time::Duration;

use google_cloud_auth::credentials::{Credentials, anonymous};

use crate::error::{Error, ErrorKind, Result};

/// Where real Spanner answers, unless [`Options::endpoint`] says otherwise.
const SPANNER: &str = "https://spanner.googleapis.com";

/// How to reach one database, and how long a call may take.
///
/// Nothing is read from the environment: `SPANNER_EMULATOR_HOST` is the caller's to look up.
#[derive(Debug, Clone)]
pub struct Options {
    /// `projects/p/instances/i/databases/d`.
    pub database: String,
    /// The emulator's gRPC address, `host:port`; with it there is no TLS and no authentication.
    pub emulator_host: Option<String>,
    /// The REST address of the emulator's gateway, `host:port`, which administration needs.
    /// Absent, it follows from gRPC port 9010 as 9020, the emulator's defaults.
    pub rest_endpoint: Option<String>,
    /// Another address of the service, such as a regional one; `https://…`.
    pub endpoint: Option<String>,
    /// A database role (fine-grained access control) that the session takes on.
    pub role: Option<String>,
    /// The longest that one commit, and connecting, may take.
    pub attempt_timeout: Duration,
    /// The longest that one read or query may take, from first to last row.
    pub read_timeout: Duration,
    /// The longest that one schema change may take.
    pub admin_timeout: Duration,
    /// gRPC connections of everything but change streams.
    pub channels: usize,
    /// gRPC connections of change streams, which are opened with the first one. Spanner runs 100 calls at once on one,
    /// and the client's HTTP/2 window holds 5 MiB of one, and 2 MiB of one query, that nobody has read.
    pub stream_channels: usize,
}

impl Options {
    /// The defaults for `projects/p/instances/i/databases/d` on real Spanner.
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            emulator_host: None,
            rest_endpoint: None,
            endpoint: None,
            role: None,
            attempt_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            admin_timeout: Duration::from_secs(600),
            channels: 4,
            stream_channels: 8,
        }
    }

    /// The same for an emulator at `host:port`, its gateway's REST at `rest`.
    pub fn emulator(database: impl Into<String>, host: impl Into<String>, rest: impl Into<String>) -> Self {
        Self { emulator_host: Some(host.into()), rest_endpoint: Some(rest.into()), ..Self::new(database) }
    }

    /// The gRPC endpoint; always given to the client, which then asks no environment variable.
    pub(crate) fn grpc(&self) -> String {
        match (&self.emulator_host, &self.endpoint) {
            (Some(host), _) => http(host),
            (None, Some(endpoint)) => endpoint.clone(),
            (None, None) => SPANNER.to_owned(),
        }
    }

    /// The REST endpoint of the administration.
    pub(crate) fn rest(&self) -> Result<String> {
        match (&self.rest_endpoint, &self.emulator_host) {
            (Some(rest), _) => Ok(http(rest)),
            (None, Some(host)) => match http(host).strip_suffix(":9010") {
                Some(host) => Ok(format!("{host}:9020")),
                None => Err(Error::new(
                    ErrorKind::Config,
                    "connect",
                    format!(
                        "the emulator at {host} has no known REST address; set rest_endpoint to its gateway's"
                    ),
                )),
            },
            (None, None) => Ok(self.endpoint.clone().unwrap_or_else(|| SPANNER.to_owned())),
        }
    }

    /// Anonymous for the emulator; otherwise nothing, which means application default credentials.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        self.emulator_host.as_ref().map(|_| anonymous::Builder::new().build())
    }
}

fn http(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_from_what_is_given() {
        let options = Options::new("projects/p/instances/i/databases/d");
        assert_eq!(options.grpc(), SPANNER);
        assert_eq!(options.rest().unwrap(), SPANNER);
        assert!(options.credentials().is_none());

        let options = Options { emulator_host: Some("localhost:9010".into()), ..options };
        assert_eq!(options.grpc(), "http://localhost:9010");
        assert_eq!(options.rest().unwrap(), "http://localhost:9020");
        assert!(options.credentials().is_some());

        let options = Options { emulator_host: Some("127.0.0.1:1234".into()), ..options };
        assert_eq!(options.rest().unwrap_err().kind(), ErrorKind::Config);
        let options = Options { rest_endpoint: Some("127.0.0.1:1235".into()), ..options };
        assert_eq!(options.rest().unwrap(), "http://127.0.0.1:1235");
    }
}

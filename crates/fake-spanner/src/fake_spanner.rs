//! The server: its builder and its handle.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::commit::{CommitLog, Limits};
use crate::databases::Databases;
use crate::fault::Faults;
use crate::refusal::Error;
use crate::request_log::RequestLog;
use crate::rest;
use crate::service::{Connections, Router, Service};
use crate::stream::ChangeStreamControl;

/// The default capacity of the commit log.
const COMMIT_LOG_CAPACITY: usize = 100_000;

/// A running fake. Dropping it ends the servers and their connections.
#[derive(Debug)]
pub struct FakeSpanner {
    service: Service,
    grpc: SocketAddr,
    rest: SocketAddr,
    token: CancellationToken,
}

/// The configuration of a fake.
#[derive(Debug, Default)]
pub struct Builder {
    databases: Vec<(String, Vec<String>)>,
    limits: Limits,
    seed: u64,
    remembered: Option<usize>,
    certificate: Option<ServerCertificate>,
}

/// The certificates of a fake that serves gRPC over TLS, in PEM.
#[derive(Debug, Clone, Default)]
pub struct ServerCertificate {
    /// The certificate of the server.
    pub certificate: String,
    /// The private key of the certificate.
    pub key: String,
    /// The authority of the clients' certificates, which clients then need.
    pub client_ca: Option<String>,
}

impl Builder {
    /// Adds a database, `projects/p/instances/i/databases/d`, created with these statements.
    #[must_use]
    pub fn database(mut self, name: &str, ddl: &[&str]) -> Self {
        self.databases.push((name.to_owned(), ddl.iter().map(|&statement| statement.to_owned()).collect()));
        self
    }

    /// Replaces Spanner's limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the seed of faults and latencies.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the capacity of the commit log.
    #[must_use]
    pub fn remembered(mut self, commits: usize) -> Self {
        self.remembered = Some(commits);
        self
    }

    /// Serves gRPC over TLS.
    #[must_use]
    pub fn tls(mut self, certificate: ServerCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Listens on two free ports of the loopback interface.
    ///
    /// # Errors
    /// No port could be bound, or the DDL of a database is invalid.
    pub async fn start(self) -> io::Result<FakeSpanner> {
        let databases = Databases::default();
        for (name, ddl) in &self.databases {
            databases.create(name, ddl).map_err(io::Error::other)?;
        }
        let service = Service {
            databases: Arc::new(databases),
            faults: Arc::new(Faults::new(self.seed)),
            log: Arc::new(CommitLog::new(self.remembered.unwrap_or(COMMIT_LOG_CAPACITY))),
            requests: Arc::default(),
            limits: self.limits,
        };
        let token = CancellationToken::new();
        let grpc = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let rest = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let fake_spanner = FakeSpanner {
            service: service.clone(),
            grpc: grpc.local_addr()?,
            rest: rest.local_addr()?,
            token: token.clone(),
        };
        let admin = axum::serve(rest, rest::router(service.databases.clone()))
            .with_graceful_shutdown(token.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = admin.await {
                tracing::error!(%error, "the fake's REST server has ended");
            }
        });
        let connections = Connections { listener: grpc, token: token.clone() };
        let mut server = tonic::transport::Server::builder();
        if let Some(ServerCertificate { certificate, key, client_ca }) = self.certificate {
            let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
            if let Some(client_ca) = client_ca {
                tls = tls.client_ca_root(Certificate::from_pem(client_ca));
            }
            server = server.tls_config(tls).map_err(io::Error::other)?;
        }
        let server =
            server.serve_with_incoming_shutdown(Router(service), connections, token.cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the fake's gRPC server has ended");
            }
        });
        Ok(fake_spanner)
    }
}

impl FakeSpanner {
    /// Returns a builder with Spanner's limits and without databases.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the gRPC address, `host:port`, as in `SPANNER_EMULATOR_HOST`.
    pub fn grpc(&self) -> String {
        self.grpc.to_string()
    }

    /// Returns the REST address, `host:port`.
    pub fn rest(&self) -> String {
        self.rest.to_string()
    }

    /// Returns the faults that are injected into commits.
    pub fn faults(&self) -> &Faults {
        &self.service.faults
    }

    /// Returns the log of commits.
    pub fn log(&self) -> &CommitLog {
        &self.service.log
    }

    /// Returns the log of requests.
    pub fn requests(&self) -> &RequestLog {
        &self.service.requests
    }

    /// Returns the control of a change stream of a database, `projects/p/instances/i/databases/d`.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn change_stream(&self, database: &str, stream: &str) -> Result<ChangeStreamControl, Error> {
        ChangeStreamControl::new(self.service.databases.get(database)?, stream)
    }

    /// Holds or releases the clock of a database. While it is held, all commits have one timestamp: they must not change the
    /// same rows, and change streams return them only after the release.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn hold_clock(&self, database: &str, hold: bool) -> Result<(), Error> {
        self.service.databases.get(database)?.hold_clock(hold);
        Ok(())
    }

    /// Advances the clock of a database by hours, so that retention periods expire.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn advance_clock(&self, database: &str, hours: u32) -> Result<(), Error> {
        self.service.databases.get(database)?.advance_clock(TimeDelta::hours(hours.into()));
        Ok(())
    }

    /// Creates a database, `projects/p/instances/i/databases/d`.
    ///
    /// # Errors
    /// `ALREADY_EXISTS`, or the error of a statement.
    pub fn create_database(&self, name: &str, ddl: &[&str]) -> Result<(), Error> {
        self.service.databases.create(name, ddl)
    }
}

impl Drop for FakeSpanner {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

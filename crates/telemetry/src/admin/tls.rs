//! TLS of the admin port: handshakes, and a certificate that is read again when it changes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::lock;
use crate::{Error, ErrorKind};

/// The time between two looks at the files.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The time limit of a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The most handshakes at once; further connections wait.
const MAX_HANDSHAKES: usize = 64;
/// The pause after an error of the listener, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The files of the certificate with which the admin port serves TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTls {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl AdminTls {
    /// Reads the files and prepares the server's configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Certificate`] if a file cannot be read or holds no certificate or key, or if they do not fit together.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let (files, key) = self.load()?;
        let state = Mutex::new(Loaded { key, files, checked: Instant::now(), is_rejected: false });
        let resolver = Arc::new(ReloadingCertificate { tls: self.clone(), state });
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| failed(&self.certificate, &error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Returns the digest of the files, and the key with its certificate.
    fn load(&self) -> Result<([u8; 32], Arc<CertifiedKey>), Error> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| failed(path, &format!("cannot be read: {error}")))
        };
        let (certificate, key) = (read(&self.certificate)?, read(&self.key)?);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| failed(&self.certificate, "holds no certificate in PEM"))?;
        let private = PrivateKeyDer::from_pem_slice(&key);
        let private = private.map_err(|_| failed(&self.key, "holds no private key in PEM"))?;
        // The library's errors may describe the key.
        let certified = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider());
        let certified = certified.map_err(|_| failed(&self.key, "does not belong to the certificate"))?;
        Ok((
            Sha256::new().chain_update(&certificate).chain_update(&key).finalize().into(),
            Arc::new(certified),
        ))
    }
}

fn failed(path: &Path, problem: &str) -> Error {
    let message =
        format!("The admin port cannot serve TLS: {} {problem}; correct telemetry.tls", path.display());
    Error::new(ErrorKind::Certificate, message)
}

/// The certificate of the files' present content.
#[derive(Debug)]
struct ReloadingCertificate {
    tls: AdminTls,
    state: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    files: [u8; 32],
    checked: Instant,
    /// True while the files cannot be used, so that the log says it once.
    is_rejected: bool,
}

impl ResolvesServerCert for ReloadingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut state = lock(&self.state);
        if state.checked.elapsed() >= CHECK_INTERVAL {
            state.checked = Instant::now();
            match self.tls.load() {
                Ok((files, key)) => {
                    if files != state.files {
                        (state.files, state.key) = (files, key);
                        tracing::info!("The admin port uses the changed certificate");
                    }
                    state.is_rejected = false;
                }
                // A rotation that writes two files one by one passes through here.
                Err(error) if !state.is_rejected => {
                    state.is_rejected = true;
                    tracing::warn!(%error, "The changed certificate cannot be used; the previous one stays in use");
                }
                Err(_) => {}
            }
        }
        Some(Arc::clone(&state.key))
    }
}

/// A listener whose connections have finished their handshakes.
#[derive(Debug)]
pub(crate) struct TlsListener {
    address: SocketAddr,
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    accepting: AbortHandle,
}

impl TlsListener {
    /// Accepts connections in a task of the current runtime, so that a slow handshake delays no other connection.
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, acceptor: TlsAcceptor) -> Self {
        let (sender, connections) = mpsc::channel(MAX_HANDSHAKES);
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        let accepting = tokio::spawn(async move {
            // The semaphore is never closed.
            while let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await {
                let Ok((stream, peer)) = listener.accept().await else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let _permit = permit;
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        // The server ends when nobody receives.
                        Ok(Ok(stream)) => drop(sender.send((stream, peer)).await),
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "A TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "A TLS handshake took too long"),
                    }
                });
            }
        });
        Self { address, connections, accepting: accepting.abort_handle() }
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

//! A gate in front of a registry: TLS, authentication and outages, which the registry itself does not offer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// The number of requests that a gate remembers.
const MAX_REQUESTS: usize = 1000;

/// The certificates of a gate with TLS, in PEM.
#[derive(Clone, Copy)]
pub struct GateTls<'a> {
    /// The certificate of the gate.
    pub certificate: &'a str,
    /// The key of the gate.
    pub key: &'a str,
    /// The authority that must have signed the client's certificate. `None`: the client needs none.
    pub client_authority: Option<&'a str>,
}

/// An HTTP proxy on loopback in front of a registry. Each connection serves one request. The gate runs on the async runtime
/// that started it, and ends when it is dropped.
#[derive(Debug)]
pub struct RegistryGate {
    url: String,
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// `host:port` of the registry.
    target: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The accepted values of the header `Authorization`; empty if all are accepted.
    accepted: Vec<String>,
    /// The beginning of the first line of requests that receive 403.
    forbidden: Option<String>,
    is_closed: bool,
    /// The first line and the headers of the last requests.
    requests: Vec<String>,
}

impl RegistryGate {
    /// Starts a gate in front of the registry at `url`.
    ///
    /// # Errors
    /// If no port is available, or the certificates cannot be used.
    pub async fn start(url: &str, tls: Option<GateTls<'_>>) -> io::Result<Self> {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (target, path) = rest.split_once('/').unwrap_or((rest, ""));
        let acceptor = tls.map(acceptor).transpose()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared { target: target.to_owned(), state: Mutex::default() });
        let running = tokio::spawn(serve(listener, acceptor, Arc::clone(&shared)));
        Ok(Self { url: format!("{scheme}://{address}/{path}"), shared, running })
    }

    /// Returns the base URL of the registry behind the gate.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Accepts only requests with one of these values of the header `Authorization`. Others receive 401.
    pub fn accept_only<T: Into<String>>(&self, credentials: impl IntoIterator<Item = T>) {
        self.shared.state().accepted = credentials.into_iter().map(Into::into).collect();
    }

    /// Answers 403 to requests whose first line begins with this text, such as `POST /subjects`. `None`: to no request.
    pub fn forbid(&self, beginning: Option<String>) {
        self.shared.state().forbidden = beginning;
    }

    /// Closes each new connection at once, until [`RegistryGate::open`].
    pub fn close(&self) {
        self.shared.state().is_closed = true;
    }

    /// Serves connections again.
    pub fn open(&self) {
        self.shared.state().is_closed = false;
    }

    /// Returns the first line and the headers of the last requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }
}

impl Drop for RegistryGate {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a request, and returns the status with which it is refused.
    fn refusal(&self, head: &str) -> Option<&'static str> {
        let mut state = self.state();
        if state.requests.len() == MAX_REQUESTS {
            state.requests.remove(0);
        }
        state.requests.push(head.to_owned());
        let authorization = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization").then(|| value.trim().to_owned())
        });
        let is_accepted =
            state.accepted.is_empty() || authorization.is_some_and(|value| state.accepted.contains(&value));
        let is_forbidden = state.forbidden.as_ref().is_some_and(|beginning| head.starts_with(beginning));
        match (is_accepted, is_forbidden) {
            (false, _) => Some("401 Unauthorized"),
            (true, true) => Some("403 Forbidden"),
            (true, false) => None,
        }
    }
}

fn acceptor(tls: GateTls<'_>) -> io::Result<TlsAcceptor> {
    let invalid =
        |error: &dyn std::fmt::Display| io::Error::other(format!("cannot use the certificates: {error}"));
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(tls.certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(&error))?;
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).map_err(|error| invalid(&error))?;
    let builder = match tls.client_authority {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let authority =
                CertificateDer::from_pem_slice(authority.as_bytes()).map_err(|error| invalid(&error))?;
            roots.add(authority).map_err(|error| invalid(&error))?;
            let verifier =
                WebPkiClientVerifier::builder(Arc::new(roots)).build().map_err(|error| invalid(&error))?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(certificates, key).map_err(|error| invalid(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if !shared.state().is_closed => {
                    let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
                    connections.spawn(async move {
                        match acceptor {
                            Some(acceptor) => forward(acceptor.accept(stream).await?, &shared).await,
                            None => forward(stream, &shared).await,
                        }
                    });
                }
                Ok(_) => {}
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Forwards one request and its answer.
async fn forward(client: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    if let Some(status) = shared.refusal(&head) {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        client.write_all(answer.as_bytes()).await?;
    } else {
        let mut server = TcpStream::connect(&shared.target).await?;
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
        server.write_all(&body).await?;
        tokio::io::copy(&mut server, &mut client).await?;
    }
    client.flush().await?;
    client.shutdown().await
}

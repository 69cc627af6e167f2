//! A token server for tests, which issues unsecured tokens.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The number of requests that a server remembers.
const MAX_REQUESTS: usize = 1000;

/// An HTTP server on loopback that answers every `POST` like the token endpoint of an `OpenID` Connect server.
///
/// Its tokens are JSON Web Tokens with the algorithm `none`, which Apache Kafka's validator for development accepts. The
/// server runs on the async runtime that started it, and ends when it is dropped.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

/// The answer of a [`TokenServer`].
#[derive(Debug, Clone)]
pub enum TokenAnswer {
    /// A token with this lifetime.
    Token(Duration),
    /// This status and body.
    Status(u16, String),
    /// The status 200 and these bytes.
    Body(String),
    /// The server sends no answer, and the connection stays open.
    Silence,
}

/// A request to a [`TokenServer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The first line, such as `POST /token HTTP/1.1`.
    pub line: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl TokenRequest {
    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether one of the credentials is in the request.
    fn has(&self, credentials: &[String]) -> bool {
        let authorization = self.header("authorization").unwrap_or_default();
        credentials
            .iter()
            .any(|given| authorization == given || self.body.split('&').any(|pair| pair == given))
    }
}

#[derive(Debug)]
struct Shared {
    subject: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    answer: TokenAnswer,
    /// The accepted credentials; empty if all are accepted.
    accepted: Vec<String>,
    requests: VecDeque<TokenRequest>,
    issued: u32,
}

impl TokenServer {
    /// Starts a server whose tokens have the subject `subject` and live for an hour.
    ///
    /// # Errors
    /// If no port is available.
    pub async fn start(subject: impl Into<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let state = State {
            answer: TokenAnswer::Token(Duration::from_secs(3600)),
            accepted: Vec::new(),
            requests: VecDeque::new(),
            issued: 0,
        };
        let shared = Arc::new(Shared { subject: subject.into(), state: Mutex::new(state) });
        let address = listener.local_addr()?;
        let running = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, running })
    }

    /// Returns the URL of the token endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// Sets the answer to all further requests.
    pub fn answer(&self, answer: TokenAnswer) {
        self.shared.state().answer = answer;
    }

    /// Accepts only requests with one of these values of the header `Authorization`, or pairs `name=value` of the form.
    /// Others receive 401 and the code `invalid_client`.
    pub fn accept_only<T: Into<String>>(&self, credentials: impl IntoIterator<Item = T>) {
        self.shared.state().accepted = credentials.into_iter().map(Into::into).collect();
    }

    /// Returns the last requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<TokenRequest> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// Returns the number of tokens that were issued.
    #[must_use]
    pub fn issued(&self) -> u32 {
        self.shared.state().issued
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the status and the body of the answer to a request; `None` for silence.
    fn respond(&self, request: TokenRequest) -> Option<(u16, String)> {
        let mut state = self.state();
        let is_rejected = !state.accepted.is_empty() && !request.has(&state.accepted);
        state.requests.push_back(request);
        if state.requests.len() > MAX_REQUESTS {
            state.requests.pop_front();
        }
        if is_rejected {
            return Some((401, r#"{"error":"invalid_client"}"#.to_owned()));
        }
        match state.answer.clone() {
            TokenAnswer::Token(lifetime) => {
                state.issued += 1;
                Some((200, token(&self.subject, lifetime, state.issued)))
            }
            TokenAnswer::Status(status, body) => Some((status, body)),
            TokenAnswer::Body(body) => Some((200, body)),
            TokenAnswer::Silence => None,
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&shared)));
                }
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read_request(&mut stream).await?;
        let Some((status, body)) = shared.respond(request) else {
            return std::future::pending().await;
        };
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.flush().await?;
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<TokenRequest> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length.min(1 << 20)];
    stream.read_exact(&mut body).await?;
    Ok(TokenRequest {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Returns the body of an answer with an unsecured token.
fn token(subject: &str, lifetime: Duration, number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expiry = (now + lifetime).as_secs_f64();
    let issued = now.as_secs_f64();
    let claims = format!(
        r#"{{"sub":"{subject}","scope":"kafka","iat":{issued:.3},"exp":{expiry:.3},"jti":"{number}"}}"#
    );
    let value =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims));
    let seconds = lifetime.as_secs_f64();
    format!(r#"{{"access_token":"{value}","token_type":"Bearer","expires_in":{seconds}}}"#)
}

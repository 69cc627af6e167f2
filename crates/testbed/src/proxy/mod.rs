mod answers;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use answers::Answers;

use crate::error::Error;
use crate::port::Port;

/// A TCP proxy on loopback, for tests of lost connections. It lives on the runtime that started it and ends
/// on drop.
pub struct Proxy {
    port: u16,
    // A proxy on another part's port has none of its own.
    reserved: Option<Port>,
    target: Arc<str>,
    /// In front of a Kafka broker.
    answers: Option<Arc<Answers>>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Listens on a free port and connects each connection through to `target` (`host:port`).
    ///
    /// # Errors
    /// [`crate::ErrorKind::PortTaken`] or [`crate::ErrorKind::Io`] when there is no port to listen on.
    pub async fn start(target: impl Into<String>) -> Result<Self, Error> {
        let reserved = Port::reserve()?;
        let mut proxy = Self::listen(reserved.number(), target.into(), None).await?;
        proxy.reserved = Some(reserved);
        Ok(proxy)
    }

    /// On that port, to a Kafka broker.
    pub(crate) async fn kafka(port: u16, target: String) -> Result<Self, Error> {
        Self::listen(port, target, Some(Arc::default())).await
    }

    async fn listen(port: u16, target: String, answers: Option<Arc<Answers>>) -> Result<Self, Error> {
        let proxy = Self { port, reserved: None, target: target.into(), answers, running: Mutex::new(None) };
        proxy.heal().await?;
        Ok(proxy)
    }

    /// `127.0.0.1:<port>`
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The answer to the next request of this kind is lost: the broker carries the request out, and the client's
    /// connection is closed. Kinds are Kafka's API keys, such as 26 of EndTxn; only in front of a Kafka broker.
    pub fn lose_next_answer(&self, kind: i16) {
        if let Some(answers) = &self.answers {
            answers.lose_next(kind);
        }
    }

    /// How many answers were lost.
    #[must_use]
    pub fn lost_answers(&self) -> u32 {
        self.answers.as_ref().map_or(0, |answers| answers.lost())
    }

    /// Closes all connections and refuses new ones until [`Proxy::heal`].
    pub async fn cut(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.abort();
            // Done when the listener is closed; the connections go with it.
            let _ = running.await;
        }
    }

    /// Accepts connections again, on the same port. Does nothing when it is not cut.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] when the port was taken meanwhile.
    pub async fn heal(&self) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
            let listener = listener.map_err(|error| {
                Error::io(format_args!("proxy cannot listen on {}", self.address()), &error)
            })?;
            let (target, answers) = (Arc::clone(&self.target), self.answers.clone());
            *running = Some(tokio::spawn(accept(listener, target, answers)));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(running) = self.running.get_mut() {
            running.abort();
        }
    }
}

/// Owns the connections: they end with it.
async fn accept(listener: TcpListener, target: Arc<str>, answers: Option<Arc<Answers>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else {
                    // Out of descriptors: give others time to close some.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (target, answers) = (Arc::clone(&target), answers.clone());
                connections.spawn(async move {
                    // A target that refuses closes the client, too.
                    if let Ok(server) = TcpStream::connect(&*target).await {
                        let _ = (client.set_nodelay(true), server.set_nodelay(true));
                        connect(client, server, answers).await;
                    }
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Either side may hang up at any time.
async fn connect(mut client: TcpStream, mut server: TcpStream, answers: Option<Arc<Answers>>) {
    let Some(answers) = answers else {
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    };
    let (mut from_server, mut to_server) = server.split();
    let is_lost = {
        let (mut from_client, mut to_client) = client.split();
        tokio::select! {
            outcome = answers.until_lost(&mut from_client, &mut to_server) => outcome.is_ok(),
            _ = tokio::io::copy(&mut from_server, &mut to_client) => false,
        }
    };
    drop(client);
    if is_lost {
        answers.swallow(&mut from_server).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::ConnectionRefused;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn echoes(stream: &mut TcpStream) -> bool {
        let mut answer = [0; 4];
        stream.write_all(b"ping").await.is_ok()
            && stream.read_exact(&mut answer).await.is_ok()
            && &answer == b"ping"
    }

    #[tokio::test]
    async fn cut_closes_and_refuses_and_heal_accepts_again() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut first = TcpStream::connect(proxy.address()).await.unwrap();
        let mut second = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut first).await && echoes(&mut second).await);

        proxy.cut().await;
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ConnectionRefused);
        assert!(!echoes(&mut first).await && !echoes(&mut second).await);

        proxy.heal().await.unwrap();
        let mut third = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut third).await);
    }

    #[tokio::test]
    async fn an_answer_is_lost_once_and_only_of_its_kind() {
        let reserved = Port::reserve().unwrap();
        let proxy = Proxy::kafka(reserved.number(), echo().await).await.unwrap();
        proxy.lose_next_answer(26);
        let ask = async |kind: i16| {
            let mut client = TcpStream::connect(proxy.address()).await.unwrap();
            client.write_all(&[&[0, 0, 0, 3][..], &kind.to_be_bytes(), &[7]].concat()).await.unwrap();
            let mut answer = [0; 7];
            client.read_exact(&mut answer).await.is_ok()
        };
        assert!(ask(25).await);
        assert!(!ask(26).await);
        while proxy.lost_answers() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(ask(26).await);
        assert_eq!(proxy.lost_answers(), 1);
    }
}

//! A TCP proxy that can cut, delay and silence connections, and lose the answers of a Kafka broker.

mod link;
mod lost_answers;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use crate::port::Port;
use link::Link;
use lost_answers::LostAnswers;

/// A TCP proxy on loopback, for tests of lost connections. It runs on the async runtime that started it, and ends when it
/// is dropped.
pub struct Proxy {
    port: u16,
    /// The reservation of the port; `None` when the port belongs to a component.
    reserved: Option<Port>,
    target: Arc<str>,
    /// The answers to lose, for a proxy to a Kafka broker.
    answers: Option<Arc<LostAnswers>>,
    link: Arc<Link>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Listens on a free port and forwards each connection to `target` (`host:port`).
    ///
    /// # Errors
    /// [`crate::ErrorKind::PortTaken`] or [`crate::ErrorKind::Io`] when no port is available.
    pub async fn start(target: impl Into<String>) -> Result<Self, Error> {
        let reserved = Port::reserve()?;
        let mut proxy = Self::listen(reserved.number(), target.into(), None).await?;
        proxy.reserved = Some(reserved);
        Ok(proxy)
    }

    /// Starts a proxy on `port` to a Kafka broker.
    pub(crate) async fn kafka(port: u16, target: String) -> Result<Self, Error> {
        Self::listen(port, target, Some(Arc::default())).await
    }

    async fn listen(port: u16, target: String, answers: Option<Arc<LostAnswers>>) -> Result<Self, Error> {
        let (target, link) = (target.into(), Arc::default());
        let proxy = Self { port, reserved: None, target, answers, link, running: Mutex::new(None) };
        proxy.heal().await?;
        Ok(proxy)
    }

    /// Returns `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Loses the answer to the next request with this API key, such as 26 for `EndTxn`: the broker executes the request, and
    /// the client's connection is closed. It works only for a proxy to a Kafka broker.
    pub fn lose_next_answer(&self, api_key: i16) {
        if let Some(answers) = &self.answers {
            answers.lose_next(api_key);
        }
    }

    /// Returns the number of lost answers.
    #[must_use]
    pub fn lost_answers(&self) -> u32 {
        self.answers.as_ref().map_or(0, |answers| answers.count())
    }

    /// Delays each piece of an answer by this time, until the next call. Requests are not delayed.
    pub fn delay(&self, delay: Duration) {
        self.link.set_delay(delay);
    }

    /// Holds back all answers, while connections stay open and requests still arrive: to a client the connection is half
    /// open. The answers are delivered after [`Proxy::speak`], unless [`Proxy::cut`] closes the connections before.
    pub fn silence(&self) {
        self.link.set_silent(true);
    }

    /// Delivers answers again, after [`Proxy::silence`].
    pub fn speak(&self) {
        self.link.set_silent(false);
    }

    /// Closes all connections and refuses new ones until [`Proxy::heal`].
    pub async fn cut(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.abort();
            // The task ends when the listener is closed, and its connections with it.
            let _ = running.await;
        }
    }

    /// Accepts connections again on the same port. Does nothing when the proxy is not cut.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] when another process has taken the port.
    pub async fn heal(&self) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
            let listener = listener.map_err(|error| {
                Error::io(format_args!("the proxy cannot listen on {}", self.address()), &error)
            })?;
            let (target, answers, link) =
                (Arc::clone(&self.target), self.answers.clone(), Arc::clone(&self.link));
            *running = Some(tokio::spawn(accept(listener, target, answers, link)));
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

/// Accepts connections and owns them: they end with this task.
async fn accept(listener: TcpListener, target: Arc<str>, answers: Option<Arc<LostAnswers>>, link: Arc<Link>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else {
                    // There are no free file descriptors; wait until others close some.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (target, answers, link) = (Arc::clone(&target), answers.clone(), Arc::clone(&link));
                connections.spawn(async move {
                    // When the target refuses, the client's connection is closed.
                    if let Ok(server) = TcpStream::connect(&*target).await {
                        let _ = (client.set_nodelay(true), server.set_nodelay(true));
                        forward(client, server, answers, &link).await;
                    }
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Forwards a connection until either side closes it.
async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    answers: Option<Arc<LostAnswers>>,
    link: &Link,
) {
    let (mut from_server, mut to_server) = server.split();
    let Some(answers) = answers else {
        let (mut from_client, mut to_client) = client.split();
        let requests = async {
            tokio::io::copy(&mut from_client, &mut to_server).await?;
            to_server.shutdown().await
        };
        let _ = tokio::try_join!(requests, link.copy(&mut from_server, &mut to_client));
        return;
    };
    let is_lost = {
        let (mut from_client, mut to_client) = client.split();
        tokio::select! {
            outcome = answers.forward_until_lost(&mut from_client, &mut to_server) => outcome.is_ok(),
            _ = link.copy(&mut from_server, &mut to_client) => false,
        }
    };
    drop(client);
    if is_lost {
        answers.drop_answer(&mut from_server).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::ConnectionRefused;

    use tokio::io::AsyncReadExt;

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
    async fn silent_connection_stays_open_and_answers_late() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(echoes(&mut client).await);
        proxy.silence();
        let silence = Duration::from_millis(200);
        assert!(tokio::time::timeout(silence, echoes(&mut client)).await.is_err(), "no answer and no error");
        proxy.delay(silence);
        proxy.speak();
        let start = std::time::Instant::now();
        let mut answer = [0; 4];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        assert!(start.elapsed() >= silence);
    }

    #[tokio::test]
    async fn answer_is_lost_once_and_only_for_its_api_key() {
        let reserved = Port::reserve().unwrap();
        let proxy = Proxy::kafka(reserved.number(), echo().await).await.unwrap();
        proxy.lose_next_answer(26);
        let ask = async |api_key: i16| {
            let mut client = TcpStream::connect(proxy.address()).await.unwrap();
            client.write_all(&[&[0, 0, 0, 3][..], &api_key.to_be_bytes(), &[7]].concat()).await.unwrap();
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

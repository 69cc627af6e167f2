use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use crate::port::Port;

/// A TCP proxy on loopback, for tests of lost connections. It lives on the runtime that started it and ends
/// on drop.
pub struct Proxy {
    port: u16,
    // A proxy on another part's port has none of its own.
    reserved: Option<Port>,
    target: Arc<str>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// Listens on a free port and connects each connection through to `target` (`host:port`).
    ///
    /// # Errors
    /// [`crate::ErrorKind::PortTaken`] or [`crate::ErrorKind::Io`] when there is no port to listen on.
    pub async fn start(target: impl Into<String>) -> Result<Self, Error> {
        let reserved = Port::reserve()?;
        let mut proxy = Self::listen(reserved.number(), target.into()).await?;
        proxy.reserved = Some(reserved);
        Ok(proxy)
    }

    pub(crate) async fn listen(port: u16, target: String) -> Result<Self, Error> {
        let proxy = Self { port, reserved: None, target: target.into(), running: Mutex::new(None) };
        proxy.heal().await?;
        Ok(proxy)
    }

    /// `127.0.0.1:<port>`
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
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
            *running = Some(tokio::spawn(accept(listener, Arc::clone(&self.target))));
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
async fn accept(listener: TcpListener, target: Arc<str>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut client, _)) = accepted else {
                    // Out of descriptors: give others time to close some.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let target = Arc::clone(&target);
                connections.spawn(async move {
                    // A target that refuses closes the client, too.
                    if let Ok(mut server) = TcpStream::connect(&*target).await {
                        let _ = (client.set_nodelay(true), server.set_nodelay(true));
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            },
            Some(_) = connections.join_next() => {}
        }
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
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A TCP relay that can drop answers, or close the connection during a request.
pub(crate) struct Relay {
    pub(crate) address: String,
    faults: Arc<Faults>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Faults {
    lose_answers: AtomicBool,
    /// The bytes of requests after which the connection closes; 0 is never.
    left: AtomicUsize,
}

impl Relay {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let faults = Arc::new(Faults::default());
        let task = tokio::spawn({
            let faults = faults.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(&target).await.unwrap();
                    tokio::spawn(relay(client, server, faults.clone()));
                }
            }
        });
        Self { address, faults, task }
    }

    /// Forwards requests and drops answers.
    pub(crate) fn lose_answers(&self) {
        self.faults.lose_answers.store(true, Ordering::SeqCst);
    }

    /// Closes the connection once, after this many bytes of requests.
    pub(crate) fn break_after(&self, bytes: usize) {
        self.faults.left.store(bytes, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, faults: Arc<Faults>) {
    let (mut requests, mut answers) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut requests) => {
                let Ok(bytes @ 1..) = read else { return };
                if server.write_all(&requests[..bytes]).await.is_err() {
                    return;
                }
                let left = faults.left.load(Ordering::SeqCst);
                if left > 0 {
                    faults.left.store(left.saturating_sub(bytes), Ordering::SeqCst);
                    if left <= bytes {
                        return;
                    }
                }
            }
            read = server.read(&mut answers) => {
                let Ok(bytes @ 1..) = read else { return };
                let lost = faults.lose_answers.load(Ordering::SeqCst);
                if !lost && client.write_all(&answers[..bytes]).await.is_err() {
                    return;
                }
            }
        }
    }
}

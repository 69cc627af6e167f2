//! The condition of the network behind a proxy: delayed, or silent.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// The number of bytes that are forwarded at once.
const BUFFER_BYTES: usize = 16 * 1024;

/// The condition of all connections of a proxy.
#[derive(Debug, Default)]
pub(super) struct Link(watch::Sender<Condition>);

#[derive(Debug, Clone, Copy, Default)]
struct Condition {
    /// The time that each piece of an answer waits.
    delay: Duration,
    is_silent: bool,
}

impl Link {
    pub(super) fn set_delay(&self, delay: Duration) {
        self.0.send_modify(|condition| condition.delay = delay);
    }

    pub(super) fn set_silent(&self, is_silent: bool) {
        self.0.send_modify(|condition| condition.is_silent = is_silent);
    }

    /// Waits until the network is not silent, and then for the delay.
    async fn pass(&self) {
        let mut condition = self.0.subscribe();
        // The sender lives as long as this link, so the wait does not fail.
        let delay = match condition.wait_for(|condition| !condition.is_silent).await {
            Ok(condition) => condition.delay,
            Err(_) => return,
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Forwards bytes under the condition of the network, until the sender closes its side.
    pub(super) async fn copy(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = from.read(&mut buffer).await?;
            self.pass().await;
            if length == 0 {
                return to.shutdown().await;
            }
            to.write_all(&buffer[..length]).await?;
            to.flush().await?;
        }
    }
}

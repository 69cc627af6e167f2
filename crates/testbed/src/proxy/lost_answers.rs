//! Loses chosen answers of a Kafka broker.

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The value that matches no API key.
const NO_API_KEY: i32 = -1;

/// The answers to lose, and the number of lost answers.
#[derive(Debug)]
pub(super) struct LostAnswers {
    /// The API key of the request whose next answer is to be lost.
    api_key: AtomicI32,
    count: AtomicU32,
}

impl Default for LostAnswers {
    fn default() -> Self {
        Self { api_key: AtomicI32::new(NO_API_KEY), count: AtomicU32::new(0) }
    }
}

impl LostAnswers {
    /// Loses the answer to the next request with this API key.
    pub(super) fn lose_next(&self, api_key: i16) {
        self.api_key.store(api_key.into(), Ordering::Release);
    }

    /// Returns the number of lost answers.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Returns true once for each answer that is to be lost.
    fn loses(&self, api_key: i16) -> bool {
        let expected =
            self.api_key.compare_exchange(api_key.into(), NO_API_KEY, Ordering::AcqRel, Ordering::Acquire);
        expected.is_ok()
    }

    /// Forwards requests up to and including one whose answer is to be lost.
    ///
    /// A request begins with its size in four bytes and its API key in two. Source:
    /// <https://kafka.apache.org/protocol#protocol_messages>.
    pub(super) async fn forward_until_lost(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        loop {
            let size = client.read_u32().await?;
            let api_key = client.read_i16().await?;
            server.write_u32(size).await?;
            server.write_i16(api_key).await?;
            let rest = u64::from(size).saturating_sub(2);
            if tokio::io::copy(&mut (&mut *client).take(rest), server).await? < rest {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            server.flush().await?;
            if self.loses(api_key) {
                return Ok(());
            }
        }
    }

    /// Waits for the broker's answer, which shows that it has executed the request, and drops it.
    pub(super) async fn drop_answer(&self, server: &mut (impl AsyncRead + Unpin)) {
        // A closed connection counts as an answer, too.
        let _ = server.read_u8().await;
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

//! Answers of a Kafka broker that get lost.

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No kind of request.
const NONE: i32 = -1;

/// Which answers are to be lost, and how many were.
#[derive(Debug)]
pub(super) struct Answers {
    /// The kind of request whose next answer is to be lost.
    kind: AtomicI32,
    lost: AtomicU32,
}

impl Default for Answers {
    fn default() -> Self {
        Self { kind: AtomicI32::new(NONE), lost: AtomicU32::new(0) }
    }
}

impl Answers {
    pub(super) fn lose_next(&self, kind: i16) {
        self.kind.store(kind.into(), Ordering::Release);
    }

    pub(super) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Acquire)
    }

    /// True once for each answer that is to be lost.
    fn loses(&self, kind: i16) -> bool {
        let expected = self.kind.compare_exchange(kind.into(), NONE, Ordering::AcqRel, Ordering::Acquire);
        expected.is_ok()
    }

    /// Passes requests on until one whose answer is to be lost has been passed on.
    ///
    /// A request is its size, four bytes, and then its kind, two:
    /// <https://kafka.apache.org/protocol#protocol_messages>.
    pub(super) async fn until_lost(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        loop {
            let size = client.read_u32().await?;
            let kind = client.read_i16().await?;
            server.write_u32(size).await?;
            server.write_i16(kind).await?;
            let rest = u64::from(size).saturating_sub(2);
            if tokio::io::copy(&mut (&mut *client).take(rest), server).await? < rest {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            server.flush().await?;
            if self.loses(kind) {
                return Ok(());
            }
        }
    }

    /// The broker has carried the request out: its answer is there, and goes nowhere.
    pub(super) async fn swallow(&self, server: &mut (impl AsyncRead + Unpin)) {
        // A broker that hangs up has answered no less.
        let _ = server.read_u8().await;
        self.lost.fetch_add(1, Ordering::AcqRel);
    }
}

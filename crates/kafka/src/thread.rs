//! Threads for librdkafka's blocking calls, and the count of those that never came back.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};

static ABANDONED_THREADS: AtomicU64 = AtomicU64::new(0);

/// Returns how many threads this process has abandoned because a call into librdkafka did not return in time.
pub fn abandoned_threads() -> u64 {
    ABANDONED_THREADS.load(Ordering::Relaxed)
}

/// Counts and logs a thread that is abandoned during `operation`.
pub(crate) fn abandon(operation: &str) {
    let total = ABANDONED_THREADS.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::error!(operation, total, "Abandoned a thread: a call into librdkafka did not return in time");
}

/// Starts a named thread.
///
/// # Errors
/// `Unavailable` if the operating system refuses the thread.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("cannot start thread {name}: {e}")))
}

/// Runs one blocking call on its own thread and waits at most `limit` for it.
///
/// # Errors
/// The call's own error; `Unavailable` after `limit` (the thread is then abandoned); `Bug` if the call
/// panicked.
pub(crate) async fn run<T: Send + 'static>(
    name: &str,
    limit: Duration,
    body: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (result_tx, result_rx) = oneshot::channel();
    spawn(name, move || {
        // The caller may have stopped waiting.
        let _ = result_tx.send(body());
    })?;
    match tokio::time::timeout(limit, result_rx).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Bug, format!("{name}: its thread ended without a result"))),
        Err(_) => {
            abandon(name);
            Err(Error::timed_out(name, limit))
        }
    }
}

/// Unparks one thread. Others may hold the waker before that thread has started.
#[derive(Debug, Default)]
pub(crate) struct ThreadWaker(OnceLock<Thread>);

impl ThreadWaker {
    /// Makes the calling thread the one to wake. That thread calls this before anything else.
    pub(crate) fn attach(&self) {
        // A second call comes from the same thread, so the stored value is right.
        drop(self.0.set(thread::current()));
    }

    /// Unparks the thread, if one is attached.
    pub(crate) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

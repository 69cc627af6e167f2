use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};

static ABANDONED: AtomicU64 = AtomicU64::new(0);

/// Threads given up because a call into librdkafka did not come back in time, since the process started.
pub fn abandoned_threads() -> u64 {
    ABANDONED.load(Ordering::Relaxed)
}

pub(crate) fn abandon(what: &str) {
    let total = ABANDONED.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::error!(what, total, "a Kafka thread did not come back in time and is abandoned");
}

pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("cannot start thread {name}: {e}")))
}

/// Runs one blocking call on a thread of its own, and waits at most `limit` for it.
pub(crate) async fn run<T: Send + 'static>(
    name: &str,
    limit: Duration,
    body: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    spawn(name, move || {
        // The caller may have stopped waiting.
        let _ = answer.send(body());
    })?;
    match tokio::time::timeout(limit, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Bug, format!("{name}: its thread ended without an answer"))),
        Err(_) => {
            abandon(name);
            Err(Error::timed_out(name, limit))
        }
    }
}

/// Wakes a worker thread from its park; known to others before the thread has started.
#[derive(Debug, Default)]
pub(crate) struct Waker(OnceLock<Thread>);

impl Waker {
    /// To be called by the worker itself, first of all.
    pub(crate) fn attach(&self) {
        // A second call would be by the same thread.
        drop(self.0.set(thread::current()));
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

//! A timeout that counts only the time in which its future is polled.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A timer that is polled later than this after its deadline has measured the absence of a reader, not of data.
const LATE_POLL: Duration = Duration::from_secs(1);

/// Returns the answer, or `None` after `limit` without one.
///
/// Time in which the future is not polled, for example because Kafka is slower than Spanner, does not count.
pub(super) async fn with_idle_timeout<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    let (mut answer, mut end) = (pin!(answer), pin!(sleep(limit)));
    poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        while end.as_mut().poll(context).is_ready() {
            if end.deadline().elapsed() < LATE_POLL {
                return Poll::Ready(None);
            }
            end.as_mut().reset(Instant::now() + limit);
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures::FutureExt;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn idle_future_times_out() {
        assert_eq!(with_idle_timeout(LIMIT, pending::<()>()).await, None);
        assert_eq!(with_idle_timeout(LIMIT, async { 1 }).await, Some(1));
    }

    #[tokio::test]
    async fn time_without_polls_does_not_count() {
        let mut answer = Box::pin(with_idle_timeout(LIMIT, pending::<()>()));
        assert_eq!(answer.as_mut().now_or_never(), None);
        tokio::time::sleep(LIMIT + LATE_POLL).await;
        // The timeout has restarted.
        assert_eq!(answer.as_mut().now_or_never(), None);
        assert_eq!(answer.await, None);
    }
}

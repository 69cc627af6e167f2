use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A timer that is looked at so late says that nobody listened, not that nobody spoke.
const LATE: Duration = Duration::from_secs(1);

/// The answer, unless nothing comes for so long while somebody waits for it: time in which the future is not polled,
/// as while Kafka is slower than Spanner, is no silence.
pub(super) async fn unless_silent<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    let (mut answer, mut end) = (pin!(answer), pin!(sleep(limit)));
    poll_fn(|context| {
        if let Poll::Ready(answer) = answer.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        while end.as_mut().poll(context).is_ready() {
            if end.deadline().elapsed() < LATE {
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
    async fn silence_ends_the_waiting() {
        assert_eq!(unless_silent(LIMIT, pending::<()>()).await, None);
        assert_eq!(unless_silent(LIMIT, async { 1 }).await, Some(1));
    }

    #[tokio::test]
    async fn where_nobody_listens_is_no_silence() {
        let mut heard = Box::pin(unless_silent(LIMIT, pending::<()>()));
        assert_eq!(heard.as_mut().now_or_never(), None);
        tokio::time::sleep(LIMIT + LATE).await;
        // The time begins anew.
        assert_eq!(heard.as_mut().now_or_never(), None);
        assert_eq!(heard.await, None);
    }
}

//! Retries of queries while a partition has no leader or a new one.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::Result;

/// The pause before a retry. Elections take less, and librdkafka itself looks for a new leader after
/// `retry.backoff.ms`, which is as long.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Runs `query` until a partition leader answers it, for at most `limit`.
///
/// The query fails while the partition has no leader yet (a new topic) or another one than librdkafka knows;
/// after such an answer librdkafka looks for the leader. `query` receives the time that remains.
///
/// # Errors
/// The last error of `query`. An error that is not about leadership is returned at once.
pub(crate) fn retry_during_election<T>(
    limit: Duration,
    mut query: impl FnMut(Duration) -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    let mut remaining = limit;
    loop {
        let answer = query(remaining);
        remaining = end.saturating_duration_since(Instant::now() + RETRY_INTERVAL);
        match answer {
            Err(error) if error.cause().is_some_and(is_election) && !remaining.is_zero() => {
                sleep(RETRY_INTERVAL);
            }
            answer => return answer,
        }
    }
}

fn is_election(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                // A new leader that does not know the high watermark yet (KIP-207).
                | Code::OffsetNotAvailable
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
        )
    )
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use crate::error::ErrorKind;
    use crate::offsets::{Offsets, Watermarks};
    use crate::options::ClientOptions;
    use crate::record::TopicPartition;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn cluster_with_topic() -> (MockCluster<'static, DefaultProducerContext>, Offsets, TopicPartition) {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("orders", 1, 1).unwrap();
        let offsets = Offsets::new(&ClientOptions::new(cluster.bootstrap_servers(), "election")).unwrap();
        (cluster, offsets, TopicPartition::new("orders", 0))
    }

    fn answer_with(cluster: &MockCluster<'_, DefaultProducerContext>, errors: &[RDKafkaRespErr]) {
        cluster.request_errors(RDKafkaApiKey::ListOffsets, errors);
    }

    #[tokio::test]
    async fn query_succeeds_after_an_election() {
        let (cluster, offsets, tp) = cluster_with_topic();
        let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        let electing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
        answer_with(&cluster, &[electing, electing, none, electing]);
        assert_eq!(offsets.watermarks(&tp, LIMIT).await.unwrap(), Watermarks { start: 0, end: 0 });
        answer_with(&cluster, &[electing; 3]);
        assert_eq!(offsets.at_time(&tp, 0, LIMIT).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn endless_election_is_unavailable() {
        let (cluster, offsets, tp) = cluster_with_topic();
        answer_with(&cluster, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 100]);
        let error = offsets.watermarks(&tp, Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    /// Either of the two queries for watermarks may get the error.
    #[tokio::test]
    async fn other_errors_are_returned_at_once() {
        let (cluster, offsets, tp) = cluster_with_topic();
        let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        for errors in [[denied, fine], [fine, denied]] {
            answer_with(&cluster, &errors);
            assert_eq!(offsets.watermarks(&tp, LIMIT).await.unwrap_err().kind(), ErrorKind::Denied);
            cluster.clear_request_errors(RDKafkaApiKey::ListOffsets);
        }
    }
}

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::Result;

/// Brokers elect in less; librdkafka itself looks again for a leader after `retry.backoff.ms`, which is as long.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks a partition's leader, and again while it has none (a new topic) or another one than librdkafka knows, which
/// looks for it after such an answer. All within `limit`, which `query` is given the rest of.
pub(crate) fn outlasted<T>(limit: Duration, mut query: impl FnMut(Duration) -> Result<T>) -> Result<T> {
    let end = Instant::now() + limit;
    let mut left = limit;
    loop {
        let answer = query(left);
        left = end.saturating_duration_since(Instant::now() + PAUSE);
        match answer {
            Err(error) if error.cause().is_some_and(is_election) && !left.is_zero() => sleep(PAUSE),
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
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use crate::error::ErrorKind;
    use crate::offsets::{Offsets, Watermarks};
    use crate::options::ClientOptions;
    use crate::record::TopicPartition;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn part() -> (MockCluster<'static, rdkafka::producer::DefaultProducerContext>, Offsets, TopicPartition) {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("orders", 1, 1).unwrap();
        let offsets = Offsets::new(&ClientOptions::new(cluster.bootstrap_servers(), "election")).unwrap();
        (cluster, offsets, TopicPartition::new("orders", 0))
    }

    fn answer_with(
        cluster: &MockCluster<'_, rdkafka::producer::DefaultProducerContext>,
        errors: &[RDKafkaRespErr],
    ) {
        cluster.request_errors(RDKafkaApiKey::ListOffsets, errors);
    }

    #[tokio::test]
    async fn a_question_outlasts_an_election() {
        let (cluster, offsets, tp) = part();
        let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        let electing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
        answer_with(&cluster, &[electing, electing, none, electing]);
        assert_eq!(offsets.watermarks(&tp, LIMIT).await.unwrap(), Watermarks { start: 0, end: 0 });
        answer_with(&cluster, &[electing; 3]);
        assert_eq!(offsets.at_time(&tp, 0, LIMIT).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_election_without_end_is_told() {
        let (cluster, offsets, tp) = part();
        answer_with(&cluster, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 100]);
        let error = offsets.watermarks(&tp, Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    /// Whichever of the two questions for watermarks gets the error.
    #[tokio::test]
    async fn another_error_is_told_at_once() {
        let (cluster, offsets, tp) = part();
        let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        for errors in [[denied, fine], [fine, denied]] {
            answer_with(&cluster, &errors);
            assert_eq!(offsets.watermarks(&tp, LIMIT).await.unwrap_err().kind(), ErrorKind::Denied);
            cluster.clear_request_errors(RDKafkaApiKey::ListOffsets);
        }
    }
}

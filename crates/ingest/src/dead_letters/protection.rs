//! The form in which dead letters hold their records: as they are, encrypted, or not at all.
//!
//! The worker protects a record when it becomes a dead letter, in the commit that moves past it. `dead-letters show` and
//! replays reveal it again. Associated data binds an encrypted record to its address, so that a row cannot pass for another.

use std::sync::Arc;

use spanbridge_config::{DeadLetterKey, DeadLetterPayload, Ingest};
use spanbridge_envelope::{
    Envelopes, Error as EnvelopeError, ErrorKind as EnvelopeErrorKind, KeySource, Kms, Sealed,
};
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Failure, StoredPayload};
use spanbridge_service::secret_source;

use super::address::DeadLetterAddress;
use super::framing::Parts;
use super::headers;

/// The code of a record that its dead letter does not hold.
const DROPPED: &str = "SB-INGEST-DEAD-LETTER-DROPPED";
/// The code of a record that cannot be decrypted without a key.
const NO_KEY: &str = "SB-INGEST-DEAD-LETTER-KEY";
/// The code of a stored record that was changed.
const DAMAGED: &str = "SB-INGEST-DEAD-LETTER-DAMAGED";
/// The envelope of a record that is not stored.
const DROPPED_ENVELOPE: &str = r#"{"form":1,"dropped":true}"#;

/// How one pipeline's dead letters hold their records. Clones share the data key.
#[derive(Debug, Clone)]
pub struct DeadLetterProtection {
    pipeline: Arc<str>,
    policy: Policy,
}

#[derive(Debug, Clone)]
enum Policy {
    Keep,
    Drop,
    Encrypt(Arc<Envelopes>),
}

/// A record that was revealed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RevealedRecord {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The reason why a record cannot be revealed.
#[derive(Debug)]
pub(super) enum RevealError {
    /// The key service does not answer. Another attempt may succeed.
    Unavailable(String),
    /// The record stays a dead letter until somebody changes something.
    Failed(Failure),
}

impl RevealError {
    /// The error of a row whose columns do not hold a stored record.
    pub(super) fn damaged_row() -> Self {
        Self::Failed(Failure::new(DAMAGED, "a column of the stored record has another type"))
    }
}

impl DeadLetterProtection {
    /// Returns the protection of a pipeline. It reads nothing yet.
    #[must_use]
    pub fn new(pipeline: &Ingest) -> Self {
        let policy = match &pipeline.dead_letters {
            None | Some(DeadLetterPayload::Keep) => Policy::Keep,
            Some(DeadLetterPayload::Drop) => Policy::Drop,
            Some(DeadLetterPayload::Encrypt(key)) => {
                Policy::Encrypt(Arc::new(Envelopes::new(key_source(key))))
            }
        };
        Self { pipeline: pipeline.identity().into(), policy }
    }

    /// Returns the protection for reading the dead letters of a pipeline that the file does not have.
    #[must_use]
    pub fn unknown(pipeline: &str) -> Self {
        Self { pipeline: pipeline.into(), policy: Policy::Keep }
    }

    /// Creates the data key, before the first record.
    pub(crate) async fn prepare(&self) -> Result<(), EnvelopeError> {
        match &self.policy {
            Policy::Encrypt(envelopes) => envelopes.prepare().await,
            Policy::Keep | Policy::Drop => Ok(()),
        }
    }

    /// Returns the record as its dead letter stores it. A record that cannot be encrypted is not stored.
    pub(crate) fn protect(&self, record: &Record) -> StoredPayload {
        let plain = StoredPayload {
            key: record.key.clone(),
            value: record.value.clone(),
            headers: headers::encode(&record.headers),
            envelope: None,
        };
        let dropped =
            || StoredPayload { envelope: Some(DROPPED_ENVELOPE.to_owned()), ..StoredPayload::default() };
        match &self.policy {
            Policy::Keep => plain,
            Policy::Drop => dropped(),
            Policy::Encrypt(envelopes) => {
                let StoredPayload { key, value, headers, .. } = plain;
                let parts = Parts { key, value, headers }.encode();
                let place = self.place(&record.topic, record.partition.into(), record.offset);
                match parts.and_then(|parts| envelopes.seal(&place, &parts).ok()) {
                    Some(Sealed { envelope, payload }) => StoredPayload {
                        value: Some(payload),
                        envelope: Some(envelope),
                        ..StoredPayload::default()
                    },
                    None => {
                        tracing::error!(pipeline = %self.pipeline, "A dead letter cannot be encrypted and holds no record");
                        dropped()
                    }
                }
            }
        }
    }

    /// Returns the record that a dead letter holds.
    pub(super) async fn reveal(
        &self,
        address: &DeadLetterAddress,
        stored: StoredPayload,
    ) -> Result<RevealedRecord, RevealError> {
        let StoredPayload { key, value, headers, envelope } = stored;
        let failed = |code, message: String| Err(RevealError::Failed(Failure::new(code, message)));
        let parts = match (envelope, value) {
            (None, value) => Parts { key, value, headers },
            (Some(envelope), Some(payload)) => {
                let place = self.place(&address.topic, address.partition, address.offset);
                self.open(&place, &Sealed { envelope, payload }).await?
            }
            (Some(envelope), None) if is_dropped(&envelope) => {
                let message = "the dead letter does not hold its record: the pipeline had `dead_letters.payload = \"drop\"`";
                return failed(DROPPED, message.to_owned());
            }
            (Some(_), None) => {
                return failed(DAMAGED, "the dead letter has lost its encrypted record".to_owned());
            }
        };
        let headers = match parts.headers {
            None => Some(Vec::new()),
            Some(json) => headers::decode(&json),
        };
        match headers {
            Some(headers) => Ok(RevealedRecord { key: parts.key, value: parts.value, headers }),
            None => {
                failed(DAMAGED, "the stored headers of the dead letter do not have their form".to_owned())
            }
        }
    }

    async fn open(&self, place: &[u8], sealed: &Sealed) -> Result<Parts, RevealError> {
        let Policy::Encrypt(envelopes) = &self.policy else {
            let id = spanbridge_envelope::key_id(&sealed.envelope);
            let message = format!(
                "the record is encrypted with the key {}, and the pipeline `{}` of this file has no key",
                id.as_deref().unwrap_or("of a newer version"),
                self.pipeline
            );
            return Err(RevealError::Failed(Failure::new(NO_KEY, message)));
        };
        let parts = envelopes.open(place, sealed).await.map_err(|error| match error.kind() {
            EnvelopeErrorKind::Unavailable => RevealError::Unavailable(error.to_string()),
            EnvelopeErrorKind::Key | EnvelopeErrorKind::UnknownKey => {
                RevealError::Failed(Failure::new(NO_KEY, error.to_string()))
            }
            EnvelopeErrorKind::Damaged => RevealError::Failed(Failure::new(DAMAGED, error.to_string())),
        })?;
        let damaged = || Failure::new(DAMAGED, "the decrypted record does not have its form");
        Parts::decode(&parts).ok_or_else(|| RevealError::Failed(damaged()))
    }

    /// Returns the associated data of a record. No name contains a slash or a zero byte.
    fn place(&self, topic: &str, partition: i64, offset: i64) -> Vec<u8> {
        let Self { pipeline, .. } = self;
        format!("spanbridge dead letter 1\0{pipeline}\0{topic}\0{partition}\0{offset}").into_bytes()
    }
}

fn key_source(key: &DeadLetterKey) -> KeySource {
    match key {
        DeadLetterKey::Lines(text) => KeySource::File(secret_source("dead_letters.encryption_key", text)),
        DeadLetterKey::Kms { name, endpoint } => {
            let endpoint = endpoint.as_ref().map(ToString::to_string);
            KeySource::Kms(Arc::new(Kms::new(name.to_string(), endpoint)))
        }
    }
}

/// Returns whether an envelope says that the record was dropped. Spanner may change the spaces and the order of JSON.
fn is_dropped(envelope: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(envelope).is_ok_and(|envelope| envelope["dropped"] == true)
}

#[cfg(test)]
mod tests {
    use spanbridge_credentials::SecretSource;

    use super::*;

    fn protection(policy: Policy) -> DeadLetterProtection {
        DeadLetterProtection { pipeline: "flights".into(), policy }
    }

    async fn encrypting(lines: &str) -> DeadLetterProtection {
        let source = SecretSource::fixed("key", lines);
        let protection = protection(Policy::Encrypt(Arc::new(Envelopes::new(KeySource::File(source)))));
        protection.prepare().await.unwrap();
        protection
    }

    fn line(id: &str) -> String {
        format!("{id}:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    }

    fn record() -> Record {
        Record {
            topic: "t".into(),
            partition: 3,
            offset: 7,
            timestamp_ms: None,
            key: Some(b"planted key".to_vec()),
            value: None,
            headers: vec![("h".to_owned(), Some(b"planted header".to_vec()))],
        }
    }

    fn address() -> DeadLetterAddress {
        "flights/t/3/7".parse().unwrap()
    }

    fn code(result: Result<RevealedRecord, RevealError>) -> Failure {
        match result {
            Err(RevealError::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn revealed_record_equals_the_protected_one() {
        for protection in [protection(Policy::Keep), encrypting(&line("a")).await] {
            let stored = protection.protect(&record());
            let encrypted = !matches!(protection.policy, Policy::Keep);
            assert_eq!(stored.envelope.is_some(), encrypted);
            assert_eq!(format!("{stored:?}").contains("112, 108, 97, 110, 116"), !encrypted, "plant");
            let revealed = protection.reveal(&address(), stored).await.unwrap();
            let Record { key, value, headers, .. } = record();
            assert_eq!(revealed, RevealedRecord { key, value, headers });
        }
    }

    #[tokio::test]
    async fn record_is_bound_to_its_address_and_its_key() {
        let protection = encrypting(&line("a")).await;
        let stored = protection.protect(&record());
        for other in ["flights/t/3/8", "flights/t/2/7", "flights/u/3/7"] {
            let revealed = protection.reveal(&other.parse().unwrap(), stored.clone()).await;
            assert_eq!(code(revealed).code, DAMAGED, "{other}");
        }
        for other in [encrypting(&line("b")).await, DeadLetterProtection::unknown("flights")] {
            let failure = code(other.reveal(&address(), stored.clone()).await);
            assert!(failure.code == NO_KEY && failure.message.contains("file:a"), "{failure}");
        }
        let lost = StoredPayload { value: None, ..stored };
        assert_eq!(code(protection.reveal(&address(), lost).await).code, DAMAGED);
    }

    #[tokio::test]
    async fn dropped_record_says_so() {
        let stored = protection(Policy::Drop).protect(&record());
        assert_eq!((&stored.key, &stored.value, &stored.headers), (&None, &None, &None));
        let spaced =
            StoredPayload { envelope: stored.envelope.map(|json| json.replace(':', ": ")), ..stored };
        assert_eq!(code(protection(Policy::Keep).reveal(&address(), spaced).await).code, DROPPED);
    }

    #[tokio::test]
    async fn malformed_headers_fail_and_are_not_lost() {
        let stored = StoredPayload { headers: Some("{}".to_owned()), ..StoredPayload::default() };
        assert_eq!(code(protection(Policy::Keep).reveal(&address(), stored).await).code, DAMAGED);
    }
}

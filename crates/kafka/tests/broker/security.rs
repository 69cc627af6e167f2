//! A broker with TLS, SASL and access control, and the ways to reach it.

use std::sync::Arc;

use spanbridge_kafka::{
    ClientOptions, Message, Producer, Reader, Transaction, TransactionalOptions, TransactionalProducer,
};
use spanbridge_testbed::{Certificates, Kafka, KafkaOptions, KafkaSecurity, Listener, SUPER_USER, Source};
use tokio::sync::OnceCell;

use super::support::{LIMIT, unique_name};

static BROKER: OnceCell<(Kafka, Arc<Certificates>)> = OnceCell::const_new();

/// Returns the broker that the tests of this module share, and its certificates.
pub(crate) async fn broker() -> (&'static Kafka, &'static Certificates) {
    let start = || async {
        let security = KafkaSecurity::new().unwrap();
        let certificates = security.certificates.clone();
        let options =
            KafkaOptions { source: Source::New, security: Some(security), ..KafkaOptions::default() };
        (Kafka::start(options).await.unwrap(), certificates)
    };
    let (kafka, certificates) = BROKER.get_or_init(start).await;
    (kafka, certificates)
}

/// Returns options for the broker's plaintext listener, whose clients may do everything.
pub(crate) async fn anonymous() -> ClientOptions {
    ClientOptions::new(broker().await.0.bootstrap(), "security")
}

/// Returns options for a listener with TLS, and the testbed's authority.
pub(crate) async fn tls(listener: Listener) -> ClientOptions {
    let (kafka, certificates) = broker().await;
    ClientOptions::new(kafka.listener(listener).unwrap(), "security")
        .with_property("security.protocol", "ssl")
        .with_property("ssl.ca.pem", &certificates.authority)
}

/// Returns options for a listener with SASL.
pub(crate) async fn sasl(
    listener: Listener,
    mechanism: &str,
    (user, password): (&str, &str),
) -> ClientOptions {
    let protocol = if listener == Listener::SaslSsl { "sasl_ssl" } else { "sasl_plaintext" };
    let options = tls(listener).await.with_property("security.protocol", protocol);
    options
        .with_property("sasl.mechanism", mechanism)
        .with_property("sasl.username", user)
        .with_property("sasl.password", password)
}

/// Creates a topic through the plaintext listener.
pub(crate) async fn topic(prefix: &str, config: &[(&str, &str)]) -> String {
    let topic = unique_name(prefix);
    let admin = spanbridge_kafka::Admin::new(&anonymous().await, LIMIT).unwrap();
    admin.ensure_topic(&topic, 1, 1, config).await.unwrap();
    topic
}

/// Writes a record and a transaction, and reads both back.
async fn write_and_read(name: &str, options: &ClientOptions) {
    let topic = topic("reach", &[]).await;
    let producer = Producer::new(options, LIMIT).unwrap();
    producer.send(&Message::new(topic.as_str()).with_value("plain")).await.unwrap();
    producer.flush().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let transactional = TransactionalOptions {
        transactional_id: topic.clone(),
        transaction_timeout: LIMIT,
        operation_timeout: LIMIT,
    };
    let producer = TransactionalProducer::init(options, &transactional).await.unwrap();
    let message = Message::new(topic.as_str()).with_value("transactional");
    producer.commit(Transaction { data: vec![message], state: vec![] }).await.unwrap();
    let records = Reader::new(options, LIMIT).unwrap().read_to_end(&topic).await.unwrap();
    assert_eq!(records.len(), 2, "{name}");
}

#[tokio::test]
async fn every_listener_and_mechanism_is_reached() {
    let (_, certificates) = broker().await;
    let mutual = tls(Listener::MutualTls)
        .await
        .with_property("ssl.certificate.pem", &certificates.client.certificate)
        .with_property("ssl.key.pem", &certificates.client.key);
    let mut ways = vec![
        ("plaintext".to_owned(), anonymous().await),
        ("ssl".to_owned(), tls(Listener::Ssl).await),
        ("mutual TLS".to_owned(), mutual),
    ];
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let options = sasl(listener, mechanism, SUPER_USER).await;
            ways.push((format!("{listener:?} {mechanism}"), options));
        }
    }
    for (name, options) in ways {
        write_and_read(&name, &options).await;
    }
}

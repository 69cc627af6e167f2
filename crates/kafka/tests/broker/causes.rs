//! The kind and the text of an error when the broker cannot be reached, or does not allow a request.

use std::time::Duration;

use spanbridge_kafka::{
    ClientOptions, Error, ErrorKind, Event, Message, Offsets, Producer, Subscription, SubscriptionLimits,
    TransactionalOptions, TransactionalProducer,
};
use spanbridge_testbed::{Acl, Listener, Operation, PLAIN_USERS, Resource, SUPER_USER};

use super::security::{broker, sasl, tls, topic};
use super::support::{LIMIT, unique_name};

/// The time limit of requests that get no answer.
const NO_ANSWER: Duration = Duration::from_secs(4);

const AUTHORITY: &str = "the broker's certificate is not accepted";
const CLIENT: &str = "the broker does not accept the client certificate";
const CLOSED: &str = "127.0.0.1:1";

/// Returns the error of a request for the partitions of a topic.
async fn error(options: &ClientOptions) -> Error {
    let offsets = Offsets::new(options).unwrap();
    offsets.partition_count("orders", NO_ANSWER).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_broker_is_explained() {
    let (kafka, certificates) = broker().await;
    let mutual = || tls(Listener::MutualTls);
    let wrong = (SUPER_USER.0, "wrong");
    let cases: Vec<(&str, ClientOptions, ErrorKind, &[&str])> = vec![
        (
            "wrong password of PLAIN",
            sasl(Listener::SaslPlaintext, "PLAIN", wrong).await,
            ErrorKind::Authentication,
            &["authentication failed", "check sasl.mechanism, sasl.username and sasl.password"],
        ),
        (
            "wrong password of SCRAM",
            sasl(Listener::SaslSsl, "SCRAM-SHA-256", wrong).await,
            ErrorKind::Authentication,
            &["authentication failed", "check sasl.mechanism"],
        ),
        (
            "unknown authority",
            tls(Listener::Ssl).await.with_property("ssl.ca.pem", &certificates.foreign_authority),
            ErrorKind::Tls,
            &[AUTHORITY, "ssl.ca.location"],
        ),
        ("expired", tls(Listener::ExpiredSsl).await, ErrorKind::Tls, &[AUTHORITY, "expired"]),
        ("other host", tls(Listener::OtherHostSsl).await, ErrorKind::Tls, &[AUTHORITY, "names the host"]),
        ("no client certificate", mutual().await, ErrorKind::Tls, &[CLIENT, "ssl.certificate.location"]),
        (
            "expired client certificate",
            mutual()
                .await
                .with_property("ssl.certificate.pem", &certificates.expired_client.certificate)
                .with_property("ssl.key.pem", &certificates.expired_client.key),
            ErrorKind::Tls,
            &[CLIENT],
        ),
        (
            "client certificate of another authority",
            mutual()
                .await
                .with_property("ssl.certificate.pem", &certificates.foreign_client.certificate)
                .with_property("ssl.key.pem", &certificates.foreign_client.key),
            ErrorKind::Tls,
            &[CLIENT],
        ),
        (
            "TLS on the plaintext port",
            ClientOptions::new(kafka.bootstrap(), "causes").with_property("security.protocol", "ssl"),
            ErrorKind::Tls,
            &["the listener does not speak TLS", "port"],
        ),
        (
            "plaintext on a port with TLS",
            ClientOptions::new(kafka.listener(Listener::Ssl).unwrap(), "causes"),
            ErrorKind::Unavailable,
            &["the broker closes new connections", "may need TLS or SASL"],
        ),
        (
            "plaintext on a port with SASL",
            ClientOptions::new(kafka.listener(Listener::SaslPlaintext).unwrap(), "causes"),
            ErrorKind::Unavailable,
            &["the broker closes new connections", "may need TLS or SASL"],
        ),
        (
            "unknown host",
            ClientOptions::new("no-such-host.invalid:9092", "causes"),
            ErrorKind::Unavailable,
            &["the host name cannot be resolved", "no-such-host.invalid:9092"],
        ),
        (
            "closed port",
            ClientOptions::new(CLOSED, "causes"),
            ErrorKind::Unavailable,
            &["nothing listens there", CLOSED],
        ),
    ];
    let tried = cases.into_iter().map(|(name, options, kind, parts)| {
        tokio::spawn(async move {
            let error = error(&options).await;
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{name}: {text}");
            for part in parts {
                assert!(text.contains(part), "{name}: {part}: {text}");
            }
            let outage = options.outage().unwrap();
            assert_eq!(outage.kind, kind, "{name}: {}", outage.description);
        })
    });
    for case in tried.collect::<Vec<_>>() {
        case.await.unwrap();
    }
}

#[tokio::test]
async fn every_client_explains_a_wrong_password() {
    let options = sasl(Listener::SaslPlaintext, "SCRAM-SHA-512", (SUPER_USER.0, "wrong")).await;
    let producer = Producer::new(&options, NO_ANSWER).unwrap();
    drop(producer.send(&Message::new("orders").with_value("v")).await);
    let transactional = TransactionalOptions {
        transactional_id: unique_name("causes"),
        transaction_timeout: NO_ANSWER,
        operation_timeout: NO_ANSWER,
    };
    for (client, error) in [
        ("producer", producer.flush().await.unwrap_err()),
        ("transactional", TransactionalProducer::init(&options, &transactional).await.unwrap_err()),
        (
            "reader",
            spanbridge_kafka::Reader::new(&options, NO_ANSWER)
                .unwrap()
                .read_to_end("orders")
                .await
                .unwrap_err(),
        ),
        (
            "admin",
            spanbridge_kafka::Admin::new(&options, NO_ANSWER)
                .unwrap()
                .delete_topic("orders")
                .await
                .unwrap_err(),
        ),
    ] {
        assert_eq!(error.kind(), ErrorKind::Authentication, "{client}: {error}");
        assert!(error.to_string().contains("authentication failed"), "{client}: {error}");
    }
}

/// Returns an access control list of the first plain user.
fn acl(resource: Resource, name: &str, operation: Operation) -> Acl {
    let principal = format!("User:{}", PLAIN_USERS[0].0);
    Acl { principal, resource, name: name.to_owned(), is_prefix: false, operation }
}

/// One test, because access control lists belong to the whole broker.
#[tokio::test]
async fn missing_access_control_list_is_named() {
    let (kafka, _) = broker().await;
    let options = sasl(Listener::SaslPlaintext, "SCRAM-SHA-256", PLAIN_USERS[0]).await;
    let topic = topic("denied", &[]).await;
    kafka.replace_acls(vec![]).await.unwrap();

    let denied = Offsets::new(&options).unwrap().partition_count(&topic, LIMIT).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
    assert!(denied.to_string().contains("lacks an ACL for the topic"), "{denied}");

    let id = unique_name("denied");
    let transactional = TransactionalOptions {
        transactional_id: id.clone(),
        transaction_timeout: LIMIT,
        operation_timeout: LIMIT,
    };
    let denied = TransactionalProducer::init(&options, &transactional).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
    assert!(denied.to_string().contains("on the transactional id"), "{denied}");

    let read =
        [Operation::Read, Operation::Describe].map(|operation| acl(Resource::Topic, &topic, operation));
    kafka.replace_acls(read.to_vec()).await.unwrap();
    let (member, mut events) =
        Subscription::start(&options, &id, std::slice::from_ref(&topic), SubscriptionLimits::default())
            .unwrap();
    let denied = loop {
        match tokio::time::timeout(LIMIT, events.recv()).await.unwrap().unwrap() {
            Event::Error { error, .. } => break error,
            _ => continue,
        }
    };
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied}");
    assert!(denied.to_string().contains("lacks an ACL for the consumer group"), "{denied}");
    member.close().await.unwrap();

    kafka
        .replace_acls(read.into_iter().chain([acl(Resource::Group, &id, Operation::Read)]).collect())
        .await
        .unwrap();
    let (member, mut events) =
        Subscription::start(&options, &id, std::slice::from_ref(&topic), SubscriptionLimits::default())
            .unwrap();
    let event = tokio::time::timeout(LIMIT, events.recv()).await.unwrap().unwrap();
    assert!(matches!(event, Event::Assigned(_)), "{event:?}");
    member.close().await.unwrap();
}

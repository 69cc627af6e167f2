//! Both services with tokens of a token server, on a broker that validates them.

use std::time::Duration;

use spanbridge_kafka::Admin;
use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Kafka, KafkaOptions, KafkaSecurity, Listener, Source, TokenAnswer, TokenServer};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT};
use super::invariants;
use super::shared_testbed::testbed;

/// The principal that needs no access control lists.
const PRINCIPAL: &str = "token-user";
const LIFETIME: Duration = Duration::from_secs(8);

/// Creates the topics of publish, because administrative requests are not possible with OAuth.
async fn create_topics(fixture: &Fixture) {
    let admin = Admin::new(&fixture.kafka, TIMEOUT).unwrap();
    let pipeline = fixture.pipeline(Service::Publish);
    for table in ["Orders", "Totals"] {
        admin.ensure_topic(&format!("{pipeline}.{table}"), 3, 1, &[]).await.unwrap();
    }
    let state = format!("{pipeline}.spanbridge-state");
    admin.ensure_topic(&state, 4, 1, &[("cleanup.policy", "compact")]).await.unwrap();
}

#[tokio::test]
async fn tokens_expire_while_both_services_run() {
    let testbed = testbed().await;
    let security = Some(KafkaSecurity::new().unwrap());
    let options = KafkaOptions { source: Source::New, security, ..KafkaOptions::default() };
    let kafka = Kafka::start(options).await.unwrap();
    let tokens = TokenServer::start(PRINCIPAL).await.unwrap();
    tokens.answer(TokenAnswer::Token(LIFETIME));
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "planted-secret").unwrap();
    let choices = FixtureOptions {
        kafka: "\"security.protocol\" = \"sasl_plaintext\"",
        bootstrap: Some(kafka.listener(Listener::SaslPlaintext).unwrap()),
        oauth: format!(
            "[kafka.oauth]\nprovider = \"oidc\"\ntoken_url = \"{}\"\nclient_id = \"bridge\"\nclient_secret = {{ file = {secret:?} }}",
            tokens.url()
        ),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, choices).await;
    create_topics(&fixture).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let (mut number, issued) = (0, tokens.issued());
    // Each process fetches a token when a quarter of the previous one's lifetime is left.
    while number == 0 || tokens.issued() < issued + 6 {
        fixture.produce(number..number + 20).await;
        number += 20;
        fixture.wait_applied(number.unsigned_abs(), &mut [&mut ingest, &mut publish]).await;
    }
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [&ingest, &publish] {
        assert!(!worker.log_tail().contains("planted-secret"));
    }
    ingest.stop(TIMEOUT).await.unwrap();
    publish.stop(TIMEOUT).await.unwrap();
}

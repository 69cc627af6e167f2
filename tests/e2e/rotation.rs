//! A password that changes on the broker and in its file while data flows both ways.

use std::path::PathBuf;

use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Proxy, Source};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::invariants;
use super::reload::{PROPERTY, edit, replace};
use super::shared_testbed::testbed;

const USER: &str = "bridge";
/// The number of orders between two steps.
const PORTION: i64 = 300;

/// Starts a broker whose proxied listener accepts only users with a SCRAM password.
async fn scram_broker() -> Kafka {
    let properties = [
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:SASL_PLAINTEXT"),
        ("listener.name.proxied.sasl.enabled.mechanisms", "SCRAM-SHA-512"),
        (
            "listener.name.proxied.scram-sha-512.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        ),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = KafkaOptions { source: Source::New, properties, ..KafkaOptions::default() };
    Kafka::start(options).await.unwrap()
}

/// A fixture whose services authenticate with the password in the file.
async fn fixture(kafka: &Kafka, proxy: &Proxy, password: &str) -> (Fixture, PathBuf) {
    let testbed = testbed().await;
    let options = FixtureOptions { bootstrap: Some(proxy.address()), ..FixtureOptions::default() };
    let fixture = Fixture::with(kafka, testbed.spanner().unwrap(), testbed, options).await;
    let secret = fixture.config().with_file_name("password");
    std::fs::write(&secret, password).unwrap();
    let properties = format!(
        "{PROPERTY}\n\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanisms\" = \"SCRAM-SHA-512\"\n\
         \"sasl.username\" = \"{USER}\"\n\"sasl.password\" = {{ file = \"{}\" }}",
        secret.display()
    );
    edit(fixture.config(), PROPERTY, &properties);
    (fixture, secret)
}

/// Waits until the broker has refused the worker's password. Both services then still run.
async fn wait_until_refused(worker: &mut WorkerProcess) {
    wait_for("refused password", async || {
        worker.check_running().unwrap();
        worker.log_tail().to_lowercase().contains("authentication fail")
    })
    .await;
}

#[tokio::test]
async fn scram_password_changes_while_data_flows_both_ways() {
    let kafka = scram_broker().await;
    let proxy = kafka.proxy().await.unwrap();
    kafka.set_scram_password(USER, "first").await.unwrap();
    let (fixture, secret) = fixture(&kafka, &proxy, "first").await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..PORTION).await;
    fixture.wait_applied(100, &mut [&mut ingest, &mut publish]).await;

    // The file changes together with the broker.
    kafka.set_scram_password(USER, "second").await.unwrap();
    replace(&secret, "second");
    fixture.produce(PORTION..2 * PORTION).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;

    // The file changes only after the broker has refused the old password on new connections.
    kafka.set_scram_password(USER, "third").await.unwrap();
    proxy.cut().await;
    proxy.heal().await.unwrap();
    fixture.produce(2 * PORTION..3 * PORTION).await;
    wait_until_refused(&mut ingest).await;
    wait_until_refused(&mut publish).await;
    replace(&secret, "third");
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

//! Log lines and readiness of a service during an outage of Kafka, and its recovery.

use std::time::{Duration, Instant};

use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Listener, SUPER_USER};

use super::broker;
use super::way::{Access, Way};
use crate::fixture::{TIMEOUT, wait_for};

/// How long the lines are counted.
const OUTAGE: Duration = Duration::from_secs(15);
/// The lines of a service in that time: its start, the outage once, and attempts of the service at growing intervals.
const MAX_LINES: usize = 25;

/// Returns the log lines about an outage of Kafka.
fn outage_lines(log: &str) -> Vec<&str> {
    let is_about = |line: &&str| line.contains("Kafka is away") || line.contains("Kafka refuses this client");
    log.lines().filter(is_about).collect()
}

/// Waits until both services log an outage with this cause, and readiness names it.
async fn wait_for_cause(way: &Way, services: &mut [WorkerProcess; 2], cause: &str) {
    wait_for(&format!("{cause} in both logs"), async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        [Service::Ingest, Service::Publish]
            .iter()
            .all(|service| outage_lines(&way.log(*service)).iter().any(|line| line.contains(cause)))
    })
    .await;
    for service in services {
        wait_for(&format!("{cause} in the readiness of {}", service.name()), async || {
            let (is_ready, text) = service.readiness().await.unwrap();
            assert!(!is_ready, "{}: {text}", service.name());
            text.contains(cause)
        })
        .await;
    }
}

/// Waits until the ten rows are applied and both services are ready, and stops them.
async fn stop_after_recovery(way: &Way, mut services: [WorkerProcess; 2]) {
    wait_for("all rows", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        way.rows().await == 10
    })
    .await;
    for mut service in services {
        service.wait_until_ready(TIMEOUT).await.unwrap();
        service.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_port_is_logged_once() {
    let access = Access { bootstrap: "127.0.0.1:1".to_owned(), properties: vec![], files: vec![] };
    let way = Way::new(&access, &[&[]]).await;
    let mut services = [way.start(Service::Ingest), way.start(Service::Publish)];
    wait_for_cause(&way, &mut services, "127.0.0.1:1: nothing listens there").await;
    let started = Instant::now();
    while started.elapsed() < OUTAGE {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for service in [Service::Ingest, Service::Publish] {
        let log = way.log(service);
        assert_eq!(outage_lines(&log).len(), 1, "{log}");
        assert!(log.lines().count() <= MAX_LINES, "{} lines:\n{log}", log.lines().count());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_named_and_corrected_without_a_restart() {
    let broker = broker().await;
    let access = Access::sasl(broker, Listener::SaslSsl, "SCRAM-SHA-512", (SUPER_USER.0, "wrong-pa55word"));
    let way = Way::new(&access, &[&[]]).await;
    way.produce(&way.topics[0], "none", 0..10).await;
    let mut services = [way.start(Service::Ingest), way.start(Service::Publish)];
    wait_for_cause(&way, &mut services, "authentication failed").await;
    let check = way.command(&["check", "--live"]);
    let text = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-KAFKA-AUTHENTICATION") && text.contains("sasl.password"), "{text}");

    way.replace("password", SUPER_USER.1);
    stop_after_recovery(&way, services).await;
    for service in [Service::Ingest, Service::Publish] {
        let log = way.log(service);
        assert!(!log.contains("wrong-pa55word") && !log.contains(SUPER_USER.1), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_client_certificate_is_named_and_replaced_without_a_restart() {
    let broker = broker().await;
    let access = Access::tls(broker, Listener::MutualTls)
        .with_client(&broker.certificates, |certificates| &certificates.expired_client);
    let way = Way::new(&access, &[&[]]).await;
    way.produce(&way.topics[0], "none", 0..10).await;
    let mut services = [way.start(Service::Ingest), way.start(Service::Publish)];
    wait_for_cause(&way, &mut services, "the broker does not accept the client certificate").await;

    let client = &broker.certificates.client;
    way.replace("client.pem", &client.certificate);
    way.replace("client.key", &client.key);
    stop_after_recovery(&way, services).await;
}

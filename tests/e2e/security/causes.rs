//! Log lines of a service while the broker cannot be reached, and its recovery when the cause is gone.

use std::time::{Duration, Instant};

use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Listener, SUPER_USER};

use super::broker;
use super::way::{Access, Way};
use crate::fixture::{TIMEOUT, wait_for};

/// How long the lines are counted.
const OUTAGE: Duration = Duration::from_secs(15);
/// The lines of a service in that time: its start, the outage once, and attempts of the service at growing intervals.
const MAX_LINES: usize = 25;

/// Returns the lines that tell of a failed connection.
fn outage_lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("Kafka: broker")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_port_is_logged_once() {
    let access = Access { bootstrap: "127.0.0.1:1".to_owned(), properties: vec![], files: vec![] };
    let way = Way::new(&access, &[&[]]).await;
    let mut services = [way.start(Service::Ingest), way.start(Service::Publish)];
    let started = Instant::now();
    while started.elapsed() < OUTAGE {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for service in [Service::Ingest, Service::Publish] {
        let log = way.log(service);
        let outages = outage_lines(&log);
        assert_eq!(outages.len(), 1, "{log}");
        assert!(outages[0].contains("127.0.0.1:1: nothing listens there"), "{log}");
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
    wait_for("cause in both logs", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        [Service::Ingest, Service::Publish].iter().all(|service| {
            outage_lines(&way.log(*service)).iter().any(|line| line.contains("authentication failed"))
        })
    })
    .await;
    let check = way.command(&["check", "--live"]);
    let text = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert_eq!(check.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-KAFKA-AUTHENTICATION") && text.contains("sasl.password"), "{text}");

    way.replace_password(SUPER_USER.1);
    wait_for("all rows", async || {
        services.iter_mut().for_each(|service| service.check_running().unwrap());
        way.rows().await == 10
    })
    .await;
    for mut service in services {
        service.wait_until_ready(TIMEOUT).await.unwrap();
        service.stop(TIMEOUT).await.unwrap();
    }
    for service in [Service::Ingest, Service::Publish] {
        let log = way.log(service);
        assert!(!log.contains("wrong-pa55word") && !log.contains(SUPER_USER.1), "{log}");
    }
}

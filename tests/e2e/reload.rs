//! SIGHUP, and secrets that change while data flows.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

/// The property of the fixture next to which the tests add others.
pub(crate) const PROPERTY: &str = "\"session.timeout.ms\" = \"6000\"";
/// The number of orders between two changes of a secret.
const PORTION: i64 = 400;

fn hang_up(worker: &WorkerProcess) {
    let pid = worker.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
}

/// Replaces a text in the configuration file.
pub(crate) fn edit(config: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(config).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(config, text.replacen(from, to, 1)).unwrap();
}

/// Replaces a file in one step, as Kubernetes does.
pub(crate) fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

/// Returns the number of restarts because of changed secrets.
async fn restarts(worker: &mut WorkerProcess) -> f64 {
    worker.check_running().unwrap();
    let metrics = worker.metrics().await.unwrap();
    metrics.sum("spanbridge_pipeline_restarts_total", &["cause=\"secrets\""])
}

/// A fixture whose Kafka clients take a harmless property from a file, and the path of that file.
async fn fixture() -> (Fixture, PathBuf) {
    let testbed = testbed().await;
    let options = FixtureOptions::default();
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, options).await;
    let secret = fixture.config().with_file_name("rack");
    std::fs::write(&secret, "first").unwrap();
    let property = format!("{PROPERTY}\n\"client.rack\" = {{ file = \"{}\" }}", secret.display());
    edit(fixture.config(), PROPERTY, &property);
    (fixture, secret)
}

#[tokio::test]
async fn changed_secret_restarts_both_services_while_data_flows() {
    let (fixture, secret) = fixture().await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut produced = 0;
    for change in 1..=2 {
        replace(&secret, &format!("change {change}"));
        // The fixture has two ingest pipelines and one publish pipeline.
        loop {
            fixture.produce(produced..produced + PORTION).await;
            produced += PORTION;
            let counts = [restarts(&mut ingest).await, restarts(&mut publish).await];
            if counts == [f64::from(2 * change), f64::from(change)] {
                break;
            }
            assert!(produced < 200 * PORTION, "{counts:?} restarts after change {change}");
        }
    }
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn missing_secret_does_not_disturb_a_running_pipeline() {
    let (fixture, secret) = fixture().await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    std::fs::remove_file(&secret).unwrap();
    wait_for("warning", async || ingest.log_tail().contains("secrets are not read again")).await;
    fixture.produce(0..PORTION).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    assert_eq!(restarts(&mut ingest).await, 0.0);
    ingest.stop(TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn sighup_applies_the_log_filter_and_an_invalid_file_changes_nothing() {
    let fixture = Fixture::new(testbed().await).await;
    edit(fixture.config(), "log = \"info\"", "log = \"warn\"");
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;

    edit(fixture.config(), "log = \"warn\"", "log = \"a=b=c\"");
    hang_up(&ingest);
    wait_for("error", async || ingest.log_tail().contains("SIGHUP changes nothing")).await;
    let log = ingest.log_tail();
    assert!(log.contains("SB-TELEMETRY-LOG-FILTER") && log.contains("spanbridge.toml:"), "{log}");

    edit(fixture.config(), "log = \"a=b=c\"", "logs = \"info\"");
    hang_up(&ingest);
    wait_for("second error", async || ingest.log_tail().contains("SB-CONFIG-UNKNOWN-KEY")).await;
    assert!(!ingest.log_tail().contains(" INFO "), "{}", ingest.log_tail());

    edit(fixture.config(), "logs = \"info\"", "log = \"info\"");
    hang_up(&ingest);
    wait_for("new level", async || ingest.log_tail().contains("the log filter is applied")).await;
    fixture.produce(0..PORTION).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    ingest.stop(TIMEOUT).await.unwrap();
}

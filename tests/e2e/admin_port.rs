//! The admin ports of two services on one host.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT};
use super::shared_testbed::testbed;

async fn fixture(telemetry: String) -> Fixture {
    let testbed = testbed().await;
    let choices = FixtureOptions { telemetry, ..FixtureOptions::default() };
    Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await
}

/// Runs a service until it exits.
async fn run(fixture: &Fixture, service: &str) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_spanbridge"));
    command.args([service, "--config"]).arg(fixture.config()).env("NO_COLOR", "1");
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(TIMEOUT, output).await.unwrap().unwrap()
}

#[tokio::test]
async fn taken_port_is_a_configuration_error_with_both_remedies() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for listen in
        [format!("\"{address}\""), format!("{{ ingest = \"127.0.0.1:0\", publish = \"{address}\" }}")]
    {
        let fixture = fixture(format!("listen = {listen}")).await;
        let output = run(&fixture, "publish").await;
        // The report wraps lines, and marks the wrapped ones.
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("SB-TELEMETRY-LISTEN") && text.contains("--listen"), "{text}");
        assert!(text.contains("telemetry.listen = { ingest ="), "{text}");
    }
}

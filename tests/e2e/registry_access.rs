//! The registry is away, its password changes while data flows, or it refuses some requests.

use spanbridge_kafka::Message;
use spanbridge_schema::AvroSchema;
use spanbridge_testbed::RegistryGate;
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, FixtureOptions, wait_for};
use super::invariants;
use super::orders::{Order, SCHEMA};
use super::shared_testbed::testbed;

/// Base64 of `bridge:old`.
const OLD: &str = "Basic YnJpZGdlOm9sZA==";
/// Base64 of `bridge:new`.
const NEW: &str = "Basic YnJpZGdlOm5ldw==";

async fn gate() -> RegistryGate {
    RegistryGate::start(testbed().await.registry().unwrap().url(), None).await.unwrap()
}

async fn fixture(gate: &RegistryGate, registry_keys: String) -> Fixture {
    let testbed = testbed().await;
    let registry = Some(gate.url().to_owned());
    let choices = FixtureOptions { registry, registry_keys, ..FixtureOptions::default() };
    Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await
}

/// The end of the last field of [`SCHEMA`], and the same with one more field, which is null by default.
const LAST_FIELD: &str = "\"timestamp-millis\"}}]}";
const ONE_MORE_FIELD: &str =
    "\"timestamp-millis\"}}, {\"name\": \"note\", \"type\": [\"null\", \"string\"], \"default\": null}]}";

/// Registers another version of the orders' schema, and returns its id.
async fn register_another_version(fixture: &Fixture) -> u32 {
    let schema = AvroSchema::parse(&SCHEMA.replacen(LAST_FIELD, ONE_MORE_FIELD, 1)).unwrap();
    let id = fixture.registry.register(&format!("{}-value", fixture.topic), &schema).await.unwrap();
    assert_ne!(id, fixture.schema.0);
    id
}

/// Returns the order with this number, written with the other version.
fn with_another_version(fixture: &Fixture, number: i64, id: u32) -> Message {
    let mut message = Order::numbered(number).message(&fixture.topic, id, &fixture.schema.1);
    // The branch of null.
    message.value.as_mut().unwrap().push(0);
    message
}

#[tokio::test]
async fn record_with_an_unknown_schema_holds_only_its_partition() {
    let gate = gate().await;
    let fixture = fixture(&gate, String::new()).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    fixture.produce(0..100).await;
    fixture.wait_applied(100, &mut [&mut ingest]).await;

    let another = register_another_version(&fixture).await;
    gate.close();
    let held = with_another_version(&fixture, 100, another).with_partition(1);
    fixture.send(&[held]).await;
    let others: Vec<Message> = (101..301)
        .map(|number| {
            fixture.order(&Order::numbered(number)).with_partition(if number % 2 == 0 { 0 } else { 2 })
        })
        .collect();
    fixture.send(&others).await;
    // The other partitions continue.
    fixture.wait_applied(300, &mut [&mut ingest]).await;
    assert_eq!(fixture.applied().await, 300);

    gate.open();
    fixture.wait_applied(301, &mut [&mut ingest]).await;
    ingest.stop(super::fixture::TIMEOUT).await.unwrap();
    assert!(invariants::dead_letters(&fixture).await.is_empty());
}

#[tokio::test]
async fn rotated_registry_password_stops_nothing() {
    let gate = gate().await;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "old").unwrap();
    gate.accept_only([OLD]);
    let keys = format!(
        "username = \"bridge\"
password = {{ file = {password:?} }}"
    );
    let fixture = fixture(&gate, keys).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..100).await;
    fixture.wait_applied(100, &mut [&mut ingest, &mut publish]).await;

    // The registry changes first. A record that needs a new schema waits, and the file follows.
    gate.accept_only([NEW]);
    let another = register_another_version(&fixture).await;
    fixture.send(&[with_another_version(&fixture, 100, another)]).await;
    wait_for("rejected request", async || {
        gate.requests().last().is_some_and(|request| request.contains(&format!("/schemas/ids/{another}")))
    })
    .await;
    std::fs::write(&password, "new").unwrap();
    fixture.wait_applied(101, &mut [&mut ingest, &mut publish]).await;
    for worker in [&mut ingest, &mut publish] {
        worker.check_running().unwrap();
        assert!(!worker.log_tail().contains("YnJpZGdl"), "{}", worker.log_tail());
    }
    ingest.stop(super::fixture::TIMEOUT).await.unwrap();
    publish.stop(super::fixture::TIMEOUT).await.unwrap();
    assert!(invariants::dead_letters(&fixture).await.is_empty());
}

/// Checks all pipelines, and returns the help of each missing permission.
fn lacking(fixture: &Fixture) -> Vec<String> {
    let findings = super::fixture::findings(&fixture.command(&["check", "--live", "--json"]));
    let lacking = findings.iter().filter(|finding| finding["code"] == "SB-CHECK-PERMISSION");
    lacking.map(|finding| finding["help"].as_str().unwrap().to_owned()).collect()
}

fn assert_all_contain(findings: &[String], text: &str) {
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding.contains(text)), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reports_what_the_registry_refuses() {
    let gate = gate().await;
    let fixture = fixture(&gate, String::new()).await;
    // Publish registers the schemas of its keys and values.
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..10).await;
    fixture.wait_applied(10, &mut [&mut ingest, &mut publish]).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(super::fixture::TIMEOUT).await.unwrap();
    }
    assert_eq!(lacking(&fixture), [""; 0]);

    let subject = format!("{}-value", fixture.topic);
    let versions = fixture.registry.versions(&subject).await.unwrap();
    gate.forbid(Some(format!("GET /apis/ccompat/v7/subjects/{subject}/")));
    assert_all_contain(&lacking(&fixture), &format!("--role DeveloperRead --resource 'Subject:{subject}'"));
    gate.forbid(Some("POST ".to_owned()));
    assert_all_contain(&lacking(&fixture), "--role DeveloperWrite");
    gate.forbid(None);
    assert_eq!(lacking(&fixture), [""; 0]);
    assert_eq!(fixture.registry.versions(&subject).await.unwrap(), versions);
}

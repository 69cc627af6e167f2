//! `check --live` names the IAM permissions that are missing, and the command that grants them.
//!
//! The emulator has no IAM. A fake of the REST method `testIamPermissions` answers in its place, and grants reads only.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;

use super::fixture::{Fixture, command};
use super::shared_testbed::testbed;

/// The permissions of `roles/spanner.databaseReader` that publish needs.
const READER: &str = r#"{"permissions": ["spanner.sessions.create", "spanner.databases.read",
    "spanner.databases.select", "spanner.databases.beginReadOnlyTransaction"]}"#;

/// Starts the fake, and returns its address.
async fn start_iam(status: StatusCode, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move || async move { (status, [(header::CONTENT_TYPE, "application/json")], body) };
    let router = Router::new().fallback(post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Returns the names of the pipelines that lack a permission, and the whole text.
fn lacking(output: &std::process::Output) -> (Vec<String>, String) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let reports: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let lacks = |report: &&serde_json::Value| {
        let mut findings = report["findings"].as_array().unwrap().iter();
        findings.any(|finding| finding["code"] == "SB-CHECK-PERMISSION")
    };
    let name = |report: &serde_json::Value| report["pipeline"].as_str().unwrap().to_owned();
    (reports.iter().filter(lacks).map(name).collect(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_missing_permissions_and_the_grant() {
    let fixture = Fixture::new(testbed().await).await;
    let iam = start_iam(StatusCode::OK, READER).await;
    let output = command(&["check", "--live", "--json"], fixture.config(), &iam);
    assert_eq!(output.status.code(), Some(1));
    let (lacking, text) = lacking(&output);
    assert_eq!(lacking, fixture.ingests(), "publish only reads: {text}");
    for part in [
        "spanner.databases.beginOrRollbackReadWriteTransaction, spanner.databases.write",
        "gcloud spanner databases add-iam-policy-binding",
        "--role=roles/spanner.databaseUser",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_skips_permissions_where_there_is_no_iam() {
    let fixture = Fixture::new(testbed().await).await;
    let iam = start_iam(StatusCode::NOT_IMPLEMENTED, "{}").await;
    let (pipelines, text) = lacking(&command(&["check", "--live", "--json"], fixture.config(), &iam));
    assert!(pipelines.is_empty(), "{text}");
    // The emulator's own gateway says the same.
    let (pipelines, text) = lacking(&fixture.command(&["check", "--live", "--json"]));
    assert!(pipelines.is_empty(), "{text}");
}

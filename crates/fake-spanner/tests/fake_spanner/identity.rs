//! Credentials files, impersonation and the quota project, as the requests show them.

use std::path::Path;
use std::time::Duration;

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use spanbridge_fake_spanner::{FakeSpanner, RequestRecord};
use spanbridge_spanner::{Database, ErrorKind, Identity, Options};

use crate::support::{DDL, NAME, PLAIN, data};
use crate::token_server::TokenServer;

/// The time within which a changed file must be in use.
const LIMIT: Duration = Duration::from_secs(30);

async fn start() -> FakeSpanner {
    FakeSpanner::builder().database(NAME, &[DDL]).start().await.unwrap()
}

fn options(fake_spanner: &FakeSpanner, file: &Path) -> Options {
    Options {
        endpoint: Some(format!("http://{}", fake_spanner.grpc())),
        identity: Identity { credentials_file: Some(file.to_owned()), ..Identity::default() },
        ..Options::new(NAME)
    }
}

fn service_account() -> String {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let [key] = [key.serialize_pem()].map(|pem| pem.replace("\r\n", "\n").replace('\n', "\\n"));
    format!(
        r#"{{"type":"service_account","client_email":"bridge@p.iam.gserviceaccount.com","private_key_id":"k1",
            "private_key":"{key}","project_id":"p"}}"#
    )
}

fn authorized_user(server: &TokenServer, refresh: &str) -> String {
    format!(
        r#"{{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"{refresh}",
            "token_uri":"{}/oauth"}}"#,
        server.url
    )
}

async fn commit(database: &Database) {
    database.commit(vec![data(1, 1)], PLAIN).await.unwrap();
}

fn last_commit(fake_spanner: &FakeSpanner) -> RequestRecord {
    fake_spanner.requests().of("Commit").pop().unwrap()
}

#[tokio::test]
async fn service_account_signs_its_own_tokens_and_charges_the_quota_project() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    std::fs::write(&file, service_account()).unwrap();
    let fake_spanner = start().await;
    let mut options = options(&fake_spanner, &file);
    options.identity.quota_project = Some("billed".to_owned());
    commit(&Database::connect(&options).await.unwrap()).await;
    let headers = last_commit(&fake_spanner).headers;
    assert_eq!(headers["x-goog-user-project"], "billed");
    assert!(headers["authorization"].starts_with("Bearer ey"), "a signed token");
}

#[tokio::test]
async fn workload_identity_exchanges_its_token() {
    let (folder, server, fake_spanner) =
        (tempfile::tempdir().unwrap(), TokenServer::start().await, start().await);
    let token = folder.path().join("token");
    std::fs::write(&token, "of-kubernetes").unwrap();
    let file = folder.path().join("workload.json");
    let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b";
    let json = format!(
        r#"{{"type":"external_account","audience":"{audience}","subject_token_type":"urn:ietf:params:oauth:token-type:jwt",
            "token_url":"{}/sts","credential_source":{{"file":{token:?}}}}}"#,
        server.url
    );
    std::fs::write(&file, json).unwrap();
    commit(&Database::connect(&options(&fake_spanner, &file)).await.unwrap()).await;
    assert_eq!(last_commit(&fake_spanner).headers["authorization"], "Bearer of-workload");
    let request = server.requests().remove(0);
    assert!(request.path == "/sts" && request.body.contains("of-kubernetes"), "{request:?}");
}

#[tokio::test]
async fn impersonation_names_delegates_and_target() {
    let (folder, server, fake_spanner) =
        (tempfile::tempdir().unwrap(), TokenServer::start().await, start().await);
    let file = folder.path().join("user.json");
    std::fs::write(&file, authorized_user(&server, "first")).unwrap();
    let mut options = options(&fake_spanner, &file);
    options.identity.impersonate = ["one@p.iam", "two@p.iam", "target@p.iam"].map(str::to_owned).into();
    options.identity.iam_endpoint = Some(server.url.clone());
    options.identity.quota_project = Some("billed".to_owned());
    commit(&Database::connect(&options).await.unwrap()).await;
    let headers = last_commit(&fake_spanner).headers;
    assert_eq!(
        (headers["authorization"].as_str(), headers["x-goog-user-project"].as_str()),
        ("Bearer of-target", "billed")
    );
    let requests = server.requests();
    let request = requests.iter().find(|request| request.path.contains("serviceAccounts")).unwrap();
    assert_eq!(request.path, "/v1/projects/-/serviceAccounts/target@p.iam:generateAccessToken");
    assert_eq!(request.authorization, "Bearer of-first");
    let delegates =
        r#""delegates":["projects/-/serviceAccounts/one@p.iam","projects/-/serviceAccounts/two@p.iam"]"#;
    assert!(request.body.contains(delegates), "{}", request.body);
}

#[tokio::test]
async fn changed_file_takes_effect_and_a_broken_one_does_not() {
    let (folder, server, fake_spanner) =
        (tempfile::tempdir().unwrap(), TokenServer::start().await, start().await);
    let file = folder.path().join("user.json");
    std::fs::write(&file, authorized_user(&server, "first")).unwrap();
    let database = Database::connect(&options(&fake_spanner, &file)).await.unwrap();
    commit(&database).await;
    assert_eq!(last_commit(&fake_spanner).headers["authorization"], "Bearer of-first");
    for content in ["{", ""] {
        std::fs::write(&file, content).unwrap();
        tokio::time::sleep(Duration::from_millis(1100)).await;
        commit(&database).await;
        assert_eq!(last_commit(&fake_spanner).headers["authorization"], "Bearer of-first");
    }
    std::fs::write(&file, authorized_user(&server, "second")).unwrap();
    let changed = async {
        while last_commit(&fake_spanner).headers["authorization"] != "Bearer of-second" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            commit(&database).await;
        }
    };
    tokio::time::timeout(LIMIT, changed).await.unwrap();
}

#[tokio::test]
async fn unusable_file_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let fake_spanner = start().await;
    let options = options(&fake_spanner, &file);
    let error = Database::connect(&options).await.unwrap_err();
    assert!(error.to_string().contains("account.json cannot be read"), "{error}");
    for (content, problem) in [
        ("planted", "is not JSON"),
        (r#"{"type":"planted"}"#, "has no supported type"),
        (r#"{"type":"service_account","private_key":"planted"}"#, "lacks a field of its type"),
        (
            r#"{"type":"authorized_user","client_id":7,"refresh_token":["planted"]}"#,
            "lacks a field of its type",
        ),
        (
            r#"{"type":"external_account","audience":"planted","token_url":"planted"}"#,
            "lacks a field of its type",
        ),
    ] {
        std::fs::write(&file, content).unwrap();
        let error = Database::connect(&options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let text = format!("{error} {error:?}");
        assert!(text.contains(problem) && text.contains("spanner.credentials_file"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}

use std::collections::HashMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqsign_aws_core::{
    AssumeRoleWithWebIdentityCredentialProvider, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProfileCredentialProvider,
};
use reqsign_core::{Context, StaticEnv};
use spanbridge_testbed::{TokenAnswer, TokenServer};

use super::credential_chain::{Credentials, Place, context};
use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The results of aws-msk-iam-sasl-signer-python 1.0.2 with botocore 1.44.8 for the same credentials, region and time.
#[test]
fn signatures_are_those_of_the_published_signer() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    for (region, id, secret, session_token, now, signature) in [
        (
            "us-east-1",
            "AKIDEXAMPLE",
            SECRET,
            None,
            at(1_440_938_160),
            "c413a83bc64a339e31a5e5e9ed99d778ff843206b427540cafa5122c01e3e993",
        ),
        (
            "eu-west-1",
            "ASIAEXAMPLE",
            "secret/with+chars=",
            Some("session/Token+with==chars"),
            at(1_795_996_801),
            "d678c53e0353b16c9f61bfce27b86bac7caad959c70ade704367cf601627bda3",
        ),
        (
            "cn-north-1",
            "AKIDEXAMPLE",
            SECRET,
            None,
            at(1_772_323_199),
            "a1312e689108d4134e1dd89ab0e975f4df6198c55438bb938e2450cc6bfa32c3",
        ),
    ] {
        let credentials = Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: session_token.map(Secret::new),
            expires_at: None,
        };
        let url = presigned_url::connect(region, &credentials, now, LIFETIME);
        assert!(url.ends_with(&format!("&X-Amz-Signature={signature}")), "{url}");
        assert!(
            url.starts_with(&format!(
                "https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect&"
            ))
        );
    }
}

fn environment(pairs: &[(&str, &str)]) -> Context {
    let envs: HashMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    context().unwrap().with_env(StaticEnv { home_dir: None, envs })
}

/// The default chain without the endpoints outside of loopback.
fn provider(context: Context, container: Option<String>, instance: Option<String>) -> AwsMskProvider {
    let mut places: Vec<Place> = vec![
        ("the environment", Arc::new(EnvCredentialProvider::new())),
        ("the shared files", Arc::new(ProfileCredentialProvider::default())),
        ("the web identity token", Arc::new(AssumeRoleWithWebIdentityCredentialProvider::default())),
    ];
    if let Some(url) = container {
        places.push(("the container's metadata", Arc::new(ECSCredentialProvider::new().with_endpoint(url))));
    }
    if let Some(url) = instance {
        places
            .push(("the instance's metadata", Arc::new(IMDSv2CredentialProvider::new().with_endpoint(url))));
    }
    AwsMskProvider::with_chain("eu-west-1".to_owned(), CredentialChain::with(context, places)).unwrap()
}

fn decode(token: &Token) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.value.expose()).unwrap()).unwrap()
}

#[tokio::test]
async fn environment_variables_sign_a_token() {
    let context = environment(&[
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", "session+1"),
    ]);
    let token = provider(context, None, None).fetch().await.unwrap();
    let url = decode(&token);
    for part in
        ["X-Amz-Credential=AKIDEXAMPLE%2F", "X-Amz-Security-Token=session%2B1", "User-Agent=spanbridge%2F"]
    {
        assert!(url.contains(part), "{url}");
    }
    assert!(!url.contains(SECRET) && !format!("{token:?}").contains(&url));
    let lifetime = token.expires_at.duration_since(SystemTime::now()).unwrap();
    assert!((880..=900).contains(&lifetime.as_secs()), "{lifetime:?}");
}

#[tokio::test]
async fn profile_of_the_shared_file_signs_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    std::fs::write(
        &file,
        format!("[bridge]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"),
    )
    .unwrap();
    let context = environment(&[
        ("AWS_PROFILE", "bridge"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
        ("AWS_CONFIG_FILE", "/nonexistent"),
    ]);
    let token = provider(context, None, None).fetch().await.unwrap();
    assert!(decode(&token).contains("X-Amz-Credential=AKIDPROFILE%2F"));
}

#[tokio::test]
async fn container_metadata_limits_the_lifetime() {
    let server = TokenServer::start("").await.unwrap();
    let expiry = chrono::DateTime::<chrono::Utc>::from(SystemTime::now() + Duration::from_secs(300));
    server.answer(TokenAnswer::Body(format!(
        r#"{{"AccessKeyId":"ASIACONTAINER","SecretAccessKey":"{SECRET}","Token":"t","Expiration":"{}"}}"#,
        expiry.format("%Y-%m-%dT%H:%M:%SZ")
    )));
    let token = provider(environment(&[]), Some(server.url()), None).fetch().await.unwrap();
    assert!(decode(&token).contains("X-Amz-Credential=ASIACONTAINER%2F"));
    let lifetime = token.expires_at.duration_since(SystemTime::now()).unwrap();
    assert!(lifetime <= Duration::from_secs(300), "{lifetime:?}");
}

#[tokio::test]
async fn missing_credentials_name_the_places_without_secrets() {
    let error = provider(environment(&[]), None, None).fetch().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Unusable, "no AWS credentials were found")
    );

    let server = TokenServer::start("").await.unwrap();
    server.answer(TokenAnswer::Status(500, format!("planted {SECRET}")));
    let url = server.url();
    let error = provider(environment(&[]), Some(url.clone()), Some(url)).fetch().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no AWS credentials were found; reading the container's metadata and the instance's metadata failed"
    );
    assert!(!format!("{error:?}").contains("planted"));
}

#[test]
fn region_must_be_a_name() {
    for region in ["", "eu west", "evil.example/"] {
        assert_eq!(AwsMskProvider::new(region).unwrap_err().kind(), ErrorKind::Unusable);
    }
}

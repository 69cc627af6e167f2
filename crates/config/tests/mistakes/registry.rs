//! Mistakes of `[registry]` and of `oauth`.

use super::base::replace_in_base;
use super::{assert_mistakes, assert_valid};

/// A case that adds lines to `[registry]`, which begin at line 9.
macro_rules! registry {
    ($lines:expr, $($mistake:expr),+ $(,)?) => {
        ("[telemetry]", concat!($lines, "\n[telemetry]"), &[$($mistake),+])
    };
}

#[test]
fn addresses() {
    assert_mistakes(&[
        registry!("urls = [\"http://b\"]", "9:1: `registry.urls` excludes `url`"),
        ("url = \"http://127.0.0.1:8081\"", "urls = []", &["8:8: `registry.urls` is empty"]),
        ("url = \"http://127.0.0.1:8081\"", "urls = [\"a\"]", &["8:9: `registry.urls` is not a URL"]),
        ("url = \"http://127.0.0.1:8081\"", "timeout = \"1s\"", &["7:1: `registry.url` is missing"]),
        registry!("timeout = \"1ms\"", "9:11: `registry.timeout` must be from 100ms to 5m, not 1ms"),
    ]);
    assert_valid("url = \"http://127.0.0.1:8081\"", "urls = [\"http://a\", \"https://b/api\"]");
}

#[test]
fn certificates_and_paths() {
    assert_mistakes(&[
        registry!("ca_file = \"ca.pem\"", "9:11: `registry.ca_file` is not an absolute path"),
        registry!("cache_dir = \"cache\"", "9:13: `registry.cache_dir` is not an absolute path"),
        registry!("client_key = \"/k\"", "7:1: `registry.client_certificate` is missing"),
        registry!("client_certificate = \"/c\"", "7:1: `registry.client_key` is missing"),
    ]);
    assert_valid("[telemetry]", "client_certificate = \"/c\"\nclient_key = \"/k\"\n[telemetry]");
}

#[test]
fn one_way_to_authenticate() {
    assert_mistakes(&[
        registry!(
            "bearer_token = { file = \"/t\" }\nusername = \"u\"\npassword = { file = \"/p\" }",
            "9:1: `registry.bearer_token` excludes `username` and `password`",
        ),
        registry!(
            "bearer_token = { file = \"/t\" }\noauth = { provider = \"google\" }",
            "10:1: `registry.oauth` excludes `bearer_token`",
        ),
        registry!(
            "headers = { Authorization = \"x\" }",
            "9:13: the header `Authorization` has keys of its own"
        ),
        registry!("headers = { \"a b\" = \"x\" }", "9:13: `a b` is not the name of a header"),
    ]);
    assert_valid("[telemetry]", "headers = { Target-Sr-Cluster = \"lsrc-1\" }\n[telemetry]");
    assert_valid("[telemetry]", "oauth = { provider = \"google\" }\n[telemetry]");
}

#[test]
fn oauth_providers() {
    assert_mistakes(&[
        registry!("oauth = { }", "9:9: `registry.oauth.provider` is missing"),
        registry!("oauth = { provider = \"azure\" }", "9:22: `provider = \"azure\"` is unknown",),
        registry!(
            "oauth = { provider = \"aws-msk-iam\", region = \"eu-west-1\" }",
            "9:22: `aws-msk-iam` signs tokens for Amazon MSK, which has no such registry",
        ),
        registry!(
            "oauth = { provider = \"oidc\", client_id = \"i\", client_secret = \"s\" }",
            "9:9: `registry.oauth.token_url` is missing",
            "9:63: `registry.oauth.client_secret` is a secret, which the file must not contain",
        ),
        registry!(
            "oauth = { provider = \"google\", scope = \"a\" }",
            "9:32: unknown key `scope` in `registry.oauth`",
        ),
    ]);
}

#[test]
fn kafka_oauth() {
    let oidc = "oauth = { provider = \"oidc\", token_url = \"https://t/token\", client_id = \"i\", client_secret = { file = \"/s\" } }";
    let lines = |more: &str| format!("{oidc}\n[kafka.properties]\n\"linger.ms\" = 5{more}\n[spanner]");
    // The base sets `security.protocol` to plaintext, which has no authentication.
    let with = |more: &str| {
        replace_in_base("[kafka.properties]\n\"security.protocol\" = \"plaintext\"\n[spanner]", &lines(more))
    };
    let mistakes = |text: &str| {
        spanbridge_config::Config::parse("f.toml", text).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(mistakes(&with("")), Ok(()));
    assert_eq!(mistakes(&with("\n\"security.protocol\" = \"sasl_plaintext\"")), Ok(()));
    for property in [
        "\"sasl.mechanism\" = \"PLAIN\"",
        "\"security.protocol\" = \"ssl\"",
        "\"enable.sasl.oauthbearer.unsecure.jwt\" = true",
    ] {
        let error = mistakes(&with(&format!("\n{property}"))).unwrap_err();
        assert!(error.starts_with("f.toml:6:") && error.contains("conflicts with [kafka.oauth]"), "{error}");
    }
    let extensions = with("")
        .replace("{ file = \"/s\" } }", "{ file = \"/s\" }, extensions = { logicalCluster = \"lkc-1\" } }");
    let error = mistakes(&extensions).unwrap_err();
    assert!(error.contains("`kafka.oauth.extensions` is not supported by this version"), "{error}");
    let aws = with("").replace(oidc, "oauth = { provider = \"aws-msk-iam\" }");
    assert_eq!(mistakes(&aws), Err("f.toml:3:9: `kafka.oauth.region` is missing".to_owned()));
}

#[test]
fn section_is_optional_without_formats_that_have_schemas() {
    const SECTION: &str = "[registry]\nurl = \"http://127.0.0.1:8081\"\n";
    let text = super::base::BASE
        .replace(SECTION, "")
        .replace("topics = [\"flights\"]", "topics = [\"flights\"]\nvalue = { format = \"json\" }")
        .replace("shards = 4", "shards = 4\nkey = { format = \"json\" }\nvalue = { format = \"json\" }");
    assert!(spanbridge_config::Config::parse("f.toml", &text).unwrap().registry.is_none());
    let text = text.replace("key = { format = \"json\" }", "key = { format = \"avro\" }");
    let error = super::base::error(&text).to_string();
    assert!(error.contains("this pipeline needs a schema registry"), "{error}");
}

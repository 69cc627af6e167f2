//! Properties of librdkafka: names, ranges and words.

use super::{assert_mistake, assert_valid};

const PROPERTY: &str = "\"security.protocol\" = \"plaintext\"";

#[test]
fn unknown_names_have_a_suggestion() {
    let help = "librdkafka's CONFIGURATION.md lists them, for version 2.12.1; Java's properties often have other names";
    for (name, suggestion) in [
        ("sasl.pasword", "; did you mean `sasl.password`?"),
        ("security.protocl", "; did you mean `security.protocol`?"),
        ("ssl.ca.locaton", "; did you mean `ssl.ca.location`?"),
        ("sesion.timeout.ms", "; did you mean `session.timeout.ms`?"),
        // The bridge sets the similar one.
        ("isolation.levl", ""),
        // A property of Java clients, one that needs code, and one that cannot be set.
        ("key.deserializer.class", ""),
        ("zzz_cb", ""),
        ("builtin.feature", ""),
    ] {
        let line = format!("4:1: librdkafka has no property `{name}`{suggestion}");
        assert_mistake(&[(PROPERTY, &format!("\"{name}\" = \"x\""), &line, help)]);
    }
}

#[test]
fn values_are_checked() {
    let cases = [
        ("session.timeout.ms", "0", "use a whole number from 1 to 3600000"),
        ("session.timeout.ms", "\"many\"", "use a whole number from 1 to 3600000"),
        ("socket.keepalive.enable", "\"yes\"", "use true or false"),
        ("security.protocol", "\"tls\"", "use one of: plaintext, ssl, sasl_plaintext, sasl_ssl"),
        (
            "sasl.mechanism",
            "\"SCRAM-SHA-1\"",
            "use one of: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI",
        ),
        ("compression.type", "\"brotli\"", "use one of: none, gzip, snappy, lz4, zstd"),
        ("linger.ms", "-1", "use a number from 0 to 900000"),
    ];
    for (name, value, help) in cases {
        let column = name.len() + 6;
        let line =
            format!("4:{column}: `kafka.properties.{name}` has a value that librdkafka does not accept");
        assert_mistake(&[(PROPERTY, &format!("\"{name}\" = {value}"), &line, help)]);
    }
}

#[test]
fn parts_that_are_not_built_are_named() {
    let cases = [
        ("sasl.oauthbearer.method", "oidc", "it is built without libcurl; use [kafka.oauth] instead"),
        ("sasl.oauthbearer.client.id", "me", "it is built without libcurl; use [kafka.oauth] instead"),
    ];
    for (name, value, help) in cases {
        let column = name.len() + 6;
        let line = format!(
            "4:{column}: `kafka.properties.{name}` needs a part that this build of librdkafka does not have"
        );
        assert_mistake(&[(PROPERTY, &format!("\"{name}\" = \"{value}\""), &line, help)]);
    }
}

#[test]
fn valid_properties_are_accepted() {
    for property in [
        "\"session.timeout.ms\" = 30000",
        "\"session.timeout.ms\" = \"30000\"",
        "\"socket.keepalive.enable\" = true",
        "\"security.protocol\" = \"SASL_SSL\"",
        "\"sasl.mechanisms\" = \"SCRAM-SHA-512\"",
        "\"linger.ms\" = 0.5",
        "\"debug\" = \"broker,security\"",
        "\"ssl.ca.location\" = \"/etc/ca.pem\"",
        "\"sasl.password\" = { file = \"/absent\" }",
    ] {
        assert_valid(PROPERTY, property);
    }
}

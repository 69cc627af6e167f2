//! Rules for the text of a value.

use std::borrow::Cow;

use spanbridge_kafka_properties::{Property, missing_part};

/// A rule for the text of a key. Its violation must not repeat the text, which may be a secret.
pub(crate) type TextRule = fn(&str) -> Result<(), Violation>;

/// The rule for the value of a key.
#[derive(Clone, Copy)]
pub(crate) enum ValueRule {
    /// A rule for texts.
    Text(TextRule),
    /// The values that a property of librdkafka accepts.
    Property(&'static Property),
}

impl ValueRule {
    /// Checks a value.
    pub(crate) fn check(self, value: &str) -> Result<(), Violation> {
        match self {
            Self::Text(rule) => rule(value),
            Self::Property(property) => {
                property.check(value).map_err(|expected| Violation {
                    message: "has a value that librdkafka does not accept",
                    help: Cow::Owned(format!("use {expected}")),
                })?;
                missing_part(property.name, value).map_or(Ok(()), |part| {
                    Err(Violation {
                        message: "needs a part that this build of librdkafka does not have",
                        help: Cow::Owned(format!("it is built without {part}")),
                    })
                })
            }
        }
    }
}

/// The reason why a text breaks a rule: the second half of a sentence about it, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) message: &'static str,
    pub(crate) help: Cow<'static, str>,
}

fn ensure(is_valid: bool, message: &'static str, help: &'static str) -> Result<(), Violation> {
    if is_valid { Ok(()) } else { Err(Violation { message, help: Cow::Borrowed(help) }) }
}

/// Accepts any text.
#[expect(clippy::unnecessary_wraps, reason = "it is a TextRule")]
pub(crate) fn any(_: &str) -> Result<(), Violation> {
    Ok(())
}

/// Accepts any text but white space.
pub(crate) fn filled(text: &str) -> Result<(), Violation> {
    ensure(!text.trim().is_empty(), "is empty", "give it a value or remove the key")
}

/// The maximum length of a pipeline's name in the bridge's tables.
pub(crate) const MAX_PIPELINE_LENGTH: usize = 64;

/// Accepts the name of a pipeline, which is part of stored keys, group ids and topic names.
pub(crate) fn pipeline_name(text: &str) -> Result<(), Violation> {
    let is_valid = (1..=MAX_PIPELINE_LENGTH).contains(&text.len()) && text.bytes().all(is_topic_byte);
    ensure(is_valid, "is not a pipeline name", "use 1 to 64 of the characters A-Z a-z 0-9 . _ -")
}

/// Accepts the name of a topic, by Kafka's rule: `org.apache.kafka.common.internals.Topic`.
pub(crate) fn topic(text: &str) -> Result<(), Violation> {
    let is_valid =
        (1..=249).contains(&text.len()) && text.bytes().all(is_topic_byte) && text != "." && text != "..";
    ensure(is_valid, "is not a topic name", "use 1 to 249 of the characters A-Z a-z 0-9 . _ -")
}

/// Returns whether topic names may contain this byte.
pub(crate) fn is_topic_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Accepts a key for HMAC-SHA-256. A key of less than 16 bytes could be guessed from the masked values of few
/// originals.
pub(crate) fn mask_key(text: &str) -> Result<(), Violation> {
    ensure(text.trim().len() >= 16, "is shorter than 16 bytes", "make one with: openssl rand -hex 32")
}

/// Accepts lines `id:key`, with keys in base64. The crate that uses them checks more.
pub(crate) fn encryption_key(text: &str) -> Result<(), Violation> {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    let is_line = |line: &str| {
        line.split_once(':').is_some_and(|(id, key)| {
            let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            !id.is_empty()
                && id.bytes().all(is_topic_byte)
                && key.trim().len() == 44
                && key.trim().bytes().all(is_base64)
        })
    };
    ensure(
        lines.peek().is_some() && lines.all(is_line),
        "is not a list of lines `id:key`",
        "write a name, a colon and the output of: openssl rand -base64 32",
    )
}

/// Accepts the name of a key of Cloud KMS.
pub(crate) fn kms_key(text: &str) -> Result<(), Violation> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_valid = matches!(
        parts[..],
        ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key]
            if [project, location, ring, key].iter().all(|part| {
                !part.is_empty() && part.bytes().all(|byte| is_topic_byte(byte) || byte == b':')
            })
    );
    ensure(
        is_valid,
        "is not the name of a key",
        "write it as projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>, without a version",
    )
}

/// Accepts a bearer token for others to present, which nobody should be able to guess.
pub(crate) fn bearer_token(text: &str) -> Result<(), Violation> {
    let is_valid = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    ensure(
        is_valid,
        "is shorter than 16 characters, or has others than printable ASCII",
        "make one with: openssl rand -hex 32",
    )
}

/// Accepts the full name of a record, after which subjects are named: an Avro record, a Protobuf message, or
/// the title of a JSON schema.
pub(crate) fn record(text: &str) -> Result<(), Violation> {
    let is_valid = !text.is_empty() && text.split('.').all(is_identifier);
    ensure(is_valid, "is not the full name of a record", "write it as namespace.Name")
}

/// Accepts an identifier of `GoogleSQL` for Spanner:
/// <https://cloud.google.com/spanner/docs/reference/standard-sql/lexical#identifiers>.
pub(crate) fn identifier(text: &str) -> Result<(), Violation> {
    ensure(
        is_identifier(text),
        "is not a Spanner identifier",
        "use at most 128 of the characters A-Z a-z 0-9 _, not beginning with a digit",
    )
}

/// Accepts the name of a table, in a named schema or the default one.
pub(crate) fn table(text: &str) -> Result<(), Violation> {
    let is_valid = match text.split_once('.') {
        Some((schema, table)) => is_identifier(schema) && is_identifier(table),
        None => is_identifier(text),
    };
    ensure(
        is_valid,
        "is not a table name",
        "use a Spanner identifier, or `schema.table` for a table of a named schema",
    )
}

/// Accepts the name of a table, or a pattern of names.
pub(crate) fn tables(text: &str) -> Result<(), Violation> {
    let is_valid = text.bytes().filter(|byte| *byte == b'.').count() <= 1 && is_pattern(text);
    ensure(
        is_valid,
        "is not a table name",
        "use a Spanner identifier, or `schema.table` for a table of a named schema; `*` stands for any characters",
    )
}

/// Accepts `table.column`, or a pattern of it.
pub(crate) fn columns(text: &str) -> Result<(), Violation> {
    let is_valid = text
        .rsplit_once('.')
        .is_some_and(|(table, column)| tables(table).is_ok() && is_pattern(column) && !column.contains('.'));
    ensure(is_valid, "is not a column of a table", "write it as Table.Column; `*` stands for any characters")
}

/// Returns whether the text is identifiers with dots between them, where `*` counts as a letter.
fn is_pattern(text: &str) -> bool {
    text.split('.').all(|part| is_identifier(&part.replace('*', "x")))
}

fn is_identifier(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Accepts `http://…` or `https://…` without user and password.
pub(crate) fn url(text: &str) -> Result<(), Violation> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(authority) = authority.and_then(|rest| rest.split(['/', '?', '#']).next()) else {
        return ensure(false, "is not a URL", "begin with http:// or https://");
    };
    if authority.contains('@') {
        return ensure(
            false,
            "contains a user name",
            "a URL is logged: use `username` and `password` instead",
        );
    }
    let is_valid = !authority.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    ensure(is_valid, "is not a URL", "write it as http://host:port")
}

/// Accepts the absolute path of a file.
pub(crate) fn absolute_path(text: &str) -> Result<(), Violation> {
    let is_valid = text.len() > 1 && text.starts_with('/') && !text.contains('\0');
    ensure(is_valid, "is not an absolute path", "begin it with `/`")
}

/// Accepts the e-mail address of a service account.
pub(crate) fn service_account(text: &str) -> Result<(), Violation> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_topic_byte);
    let is_valid = text.split_once('@').is_some_and(|(name, domain)| is_part(name) && is_part(domain));
    ensure(is_valid, "is not a service account", "write it as name@project.iam.gserviceaccount.com")
}

/// Accepts the name of a location of Google Cloud.
pub(crate) fn location(text: &str) -> Result<(), Violation> {
    let is_valid = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    ensure(is_valid, "is not a location", "write it as us-east1")
}

/// Accepts the name of an HTTP header: RFC 9110, section 5.6.2.
pub(crate) fn header_name(text: &str) -> Result<(), Violation> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_valid = !text.is_empty() && text.bytes().all(is_token);
    ensure(is_valid, "is not the name of a header", "write it as `Target-Sr-Cluster`")
}

/// Accepts the value of an HTTP header.
pub(crate) fn header_value(text: &str) -> Result<(), Violation> {
    let is_valid = !text.is_empty() && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    ensure(is_valid, "is not the value of a header", "use visible ASCII characters")
}

/// Accepts `host:port`.
pub(crate) fn host_port(text: &str) -> Result<(), Violation> {
    ensure(is_host_port(text), "is not an address", "write it as host:port, such as 127.0.0.1:9010")
}

/// Accepts one or more `host:port`, separated by commas.
pub(crate) fn host_ports(text: &str) -> Result<(), Violation> {
    // librdkafka also accepts `protocol://host:port` and a host alone: docs of `bootstrap.servers`.
    let is_valid = text.split(',').map(str::trim).all(|server| {
        let server = server.split_once("://").map_or(server, |(_, server)| server);
        is_host_port(server)
    });
    ensure(is_valid, "is not a list of addresses", "write it as host:port, several separated by commas")
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
        let named = !host.is_empty() && host.bytes().all(is_topic_byte);
        (bracketed || named) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_accept_valid_and_reject_invalid_texts() {
        let line = "2026-11:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let two = format!("# new\n{line}\n\nold:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
        let cases: [(TextRule, &[&str], &[&str]); 17] = [
            (encryption_key, &[line, &two], &["", "#", "a", &line[8..], &line[..50]]),
            (
                kms_key,
                &["projects/p/locations/l/keyRings/r/cryptoKeys/k"],
                &[
                    "",
                    "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
                    "projects//locations/l/keyRings/r/cryptoKeys/k",
                ],
            ),
            (
                bearer_token,
                &["0123456789abcdef"],
                &["", "0123456789abcde", "0123456789abcdef ", "0123456789abcdeé"],
            ),
            (header_name, &["Target-Sr-Cluster"], &["", "a b", "a:", "ä"]),
            (header_value, &["lsrc-1", "a b"], &["", "a\r\nb", "ä"]),
            (absolute_path, &["/a", "/run/secrets/x"], &["", "/", "a", "./a", "C:\\a"]),
            (service_account, &["a@p.iam.gserviceaccount.com"], &["", "a", "@a", "a@", "a b@c", "a@b@c"]),
            (location, &["us-east1", "europe-west4"], &["", "US", "us east", "us_east1"]),
            (pipeline_name, &["a", "a.b_c-1"], &["", "a b", "ä", "a/b"]),
            (topic, &["a", "a.b_c-1"], &["", ".", "..", "a b", "a:b"]),
            (mask_key, &["0123456789abcdef"], &["", "0123456789abcde", "                "]),
            (record, &["A", "a.b.C_1"], &["", ".", "a.", ".A", "a b", "a-b"]),
            (identifier, &["A", "_a1"], &["", "1a", "a-b", "a.b"]),
            (table, &["A", "s.A"], &["", ".A", "s.", "a.b.c", "a b"]),
            (
                url,
                &["http://a", "https://a:1/b?c"],
                &["", "a", "ftp://a", "http://", "http:///a", "http://u:p@a", "http://a b"],
            ),
            (
                host_port,
                &["a:1", "127.0.0.1:65535", "[::1]:9"],
                &["", "a", "a:", ":1", "a:0", "a:65536", "http://a:1"],
            ),
            (host_ports, &["a:1,b:2", "a:1, b:2", "SASL_SSL://a:1"], &["", "a:1,", "a:1;b:2"]),
        ];
        for (rule, valid, invalid) in cases {
            for text in valid {
                assert_eq!(rule(text), Ok(()), "{text}");
            }
            for text in invalid {
                assert!(rule(text).is_err(), "{text}");
            }
        }
    }
}

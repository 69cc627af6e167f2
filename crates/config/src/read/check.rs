//! What the text of a value must look like.

/// Says whether a text is fit for its key. It must not repeat the text: that may be a secret.
pub(crate) type Check = fn(&str) -> Result<(), Wrong>;

/// Why a text is not fit: the second half of a sentence about it, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: &'static str,
    pub(crate) help: &'static str,
}

fn ensure(fit: bool, message: &'static str, help: &'static str) -> Result<(), Wrong> {
    if fit { Ok(()) } else { Err(Wrong { message, help }) }
}

/// Any text.
#[expect(clippy::unnecessary_wraps, reason = "it is a Check")]
pub(crate) fn any(_: &str) -> Result<(), Wrong> {
    Ok(())
}

/// Anything but white space.
pub(crate) fn filled(text: &str) -> Result<(), Wrong> {
    ensure(!text.trim().is_empty(), "is empty", "give it a value or remove the key")
}

/// The most characters of a pipeline in the bridge's tables.
pub(crate) const PIPELINE: usize = 64;

/// A pipeline's name, which is part of stored keys, group ids and topic names.
pub(crate) fn pipeline_name(text: &str) -> Result<(), Wrong> {
    let fit = (1..=PIPELINE).contains(&text.len()) && text.bytes().all(topic_byte);
    ensure(fit, "is not a pipeline name", "use 1 to 64 of the characters A-Z a-z 0-9 . _ -")
}

/// Kafka's rule for topic names: `org.apache.kafka.common.internals.Topic`.
pub(crate) fn topic(text: &str) -> Result<(), Wrong> {
    let fit = (1..=249).contains(&text.len()) && text.bytes().all(topic_byte) && text != "." && text != "..";
    ensure(fit, "is not a topic name", "use 1 to 249 of the characters A-Z a-z 0-9 . _ -")
}

pub(crate) fn topic_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// A key for HMAC-SHA-256: below 16 bytes it could be guessed from masked values of few originals.
pub(crate) fn mask_key(text: &str) -> Result<(), Wrong> {
    ensure(text.trim().len() >= 16, "is shorter than 16 bytes", "make one with: openssl rand -hex 32")
}

/// The full name of an Avro record, a Protobuf message or a JSON schema's title: what a subject is named after.
pub(crate) fn record(text: &str) -> Result<(), Wrong> {
    let fit = !text.is_empty() && text.split('.').all(is_identifier);
    ensure(fit, "is not the full name of a record", "write it as namespace.Name")
}

/// An identifier as GoogleSQL for Spanner has it:
/// <https://cloud.google.com/spanner/docs/reference/standard-sql/lexical#identifiers>.
pub(crate) fn identifier(text: &str) -> Result<(), Wrong> {
    ensure(
        is_identifier(text),
        "is not a Spanner identifier",
        "use at most 128 of the characters A-Z a-z 0-9 _, not beginning with a digit",
    )
}

/// A table, in a named schema or the default one.
pub(crate) fn table(text: &str) -> Result<(), Wrong> {
    let fit = match text.split_once('.') {
        Some((schema, table)) => is_identifier(schema) && is_identifier(table),
        None => is_identifier(text),
    };
    ensure(
        fit,
        "is not a table name",
        "use a Spanner identifier, or `schema.table` for a table of a named schema",
    )
}

/// A table, or a pattern of tables' names.
pub(crate) fn tables(text: &str) -> Result<(), Wrong> {
    let fit = text.bytes().filter(|byte| *byte == b'.').count() <= 1 && is_pattern(text);
    ensure(
        fit,
        "is not a table name",
        "use a Spanner identifier, or `schema.table` for a table of a named schema; `*` stands for any characters",
    )
}

/// `table.column`, or a pattern of it.
pub(crate) fn columns(text: &str) -> Result<(), Wrong> {
    let fit = text
        .rsplit_once('.')
        .is_some_and(|(table, column)| tables(table).is_ok() && is_pattern(column) && !column.contains('.'));
    ensure(fit, "is not a column of a table", "write it as Table.Column; `*` stands for any characters")
}

/// Identifiers with dots between them, `*` taken for a letter.
fn is_pattern(text: &str) -> bool {
    text.split('.').all(|part| is_identifier(&part.replace('*', "x")))
}

fn is_identifier(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `http://…` or `https://…` without user and password.
pub(crate) fn url(text: &str) -> Result<(), Wrong> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(authority) = authority.and_then(|rest| rest.split(['/', '?', '#']).next()) else {
        return ensure(false, "is not a URL", "begin with http:// or https://");
    };
    if authority.contains('@') {
        return ensure(false, "holds a user name", "a URL is logged: use `username` and `password` instead");
    }
    let fit = !authority.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    ensure(fit, "is not a URL", "write it as http://host:port")
}

/// `host:port`.
pub(crate) fn host_port(text: &str) -> Result<(), Wrong> {
    ensure(is_host_port(text), "is not an address", "write it as host:port, such as 127.0.0.1:9010")
}

/// `host:port`, several separated by commas.
pub(crate) fn host_ports(text: &str) -> Result<(), Wrong> {
    // librdkafka also takes `protocol://host:port` and a host alone: docs of `bootstrap.servers`.
    let fit = text.split(',').map(str::trim).all(|server| {
        let server = server.split_once("://").map_or(server, |(_, server)| server);
        is_host_port(server)
    });
    ensure(fit, "is not a list of addresses", "write it as host:port, several separated by commas")
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
        let named = !host.is_empty() && host.bytes().all(topic_byte);
        (bracketed || named) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_tell_right_from_wrong() {
        let cases: [(Check, &[&str], &[&str]); 9] = [
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
        for (check, right, wrong) in cases {
            for text in right {
                assert_eq!(check(text), Ok(()), "{text}");
            }
            for text in wrong {
                assert!(check(text).is_err(), "{text}");
            }
        }
    }
}

//! Hides the secrets of a configuration file, so that no diagnostic shows them.

use spanbridge_kafka_properties::SECRET_SUFFIXES;

/// The endings of the bridge's own keys that hold a secret and that no Kafka property has.
const OWN_SECRET_SUFFIXES: [&str; 2] = ["mask_key", "encryption_key"];

/// Returns the endings of the names of keys and properties that hold a secret.
fn suffixes() -> impl Iterator<Item = &'static str> {
    SECRET_SUFFIXES.into_iter().chain(OWN_SECRET_SUFFIXES)
}

/// Returns whether the file must not contain the value of `key`.
pub(crate) fn is_secret(key: &str) -> bool {
    suffixes().any(|suffix| key.ends_with(suffix))
}

/// Returns `text` with every inline secret replaced by `*`, byte for byte, so that spans stay valid. It looks
/// only at the text, so it also works for a file that is not TOML.
pub(crate) fn hide_secrets(text: &str) -> String {
    let mut hidden: Vec<std::ops::Range<usize>> = Vec::new();
    for name in suffixes() {
        hidden.extend(text.match_indices(name).filter_map(|(at, _)| secret_value(text, at + name.len())));
    }
    hidden.extend(text.match_indices("://").filter_map(|(at, _)| user_info(text, at + 3)));
    if hidden.is_empty() {
        return text.to_owned();
    }
    hidden.sort_by_key(|range| range.start);
    let mut masked = String::with_capacity(text.len());
    for range in hidden {
        let start = range.start.max(masked.len());
        if start < range.end {
            masked.push_str(&text[masked.len()..start]);
            let stars = text[start..range.end]
                .bytes()
                .map(|b| if matches!(b, b'\n' | b'\r') { b as char } else { '*' });
            masked.extend(stars);
        }
    }
    masked.push_str(&text[masked.len()..]);
    masked
}

/// Returns the value of `key = value` where the key ends at `at`; `None` if the value is a reference
/// (`{ … }`).
fn secret_value(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest =
        text[at..].trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']).strip_prefix('=')?;
    let value = rest.trim_start_matches([' ', '\t']);
    let start = text.len() - value.len();
    let len = match value {
        _ if value.starts_with('{') => return None,
        _ if value.starts_with("\"\"\"") || value.starts_with("'''") => {
            value[3..].find(&value[..3]).map_or(value.len(), |end| end + 6)
        }
        _ if value.starts_with('"') => basic_string(value),
        _ => value.find('\n').unwrap_or(value.len()),
    };
    Some(start..start + len)
}

/// Returns the length of a basic string with its quotes; the rest of the line if the string does not end in
/// it.
fn basic_string(value: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return at,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    value.len()
}

/// Returns `user:password` of `scheme://user:password@host`.
fn user_info(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text[at..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\''));
    let authority = &rest[..end.unwrap_or(rest.len())];
    authority.rfind('@').map(|len| at..at + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_form() {
        for (text, masked) in [
            ("password = \"hunter2\"\nurl = 1", "password = *********\nurl = 1"),
            ("password = \"hunter2\nurl = 1", "password = ********\nurl = 1"),
            ("\"ssl.key.password\"='hunter2'", "\"ssl.key.password\"=*********"),
            ("r = { password = \"a\\\"b\", url = 1 }", "r = { password = ******, url = 1 }"),
            ("\"ssl.key.pem\" = '''\na\nb'''\nc = 1", "\"ssl.key.pem\" = ***\n*\n****\nc = 1"),
            ("bearer_token = hunter2", "bearer_token = *******"),
            ("password = \"é\" # x", "password = **** # x"),
            ("url = \"http://me:pw@host/a@b\"", "url = \"http://*****@host/a@b\""),
            ("password = { env = \"P\" }", "password = { env = \"P\" }"),
            ("token.endpoint.url = \"x\"", "token.endpoint.url = \"x\""),
            ("password", "password"),
            ("password =", "password ="),
            ("password = token = \"x\"", "password = ***********"),
        ] {
            assert_eq!(hide_secrets(text), masked);
            assert_eq!(hide_secrets(text).len(), text.len());
        }
    }
}

//! Hides secrets that stand in a configuration file, so that no diagnostic shows them.

/// A key or property whose name ends so holds a secret.
const SECRET: [&str; 7] =
    ["password", "secret", "token", "passphrase", "key.pem", "oauthbearer.config", "mask_key"];

/// Whether the value of that key must not stand in the file.
pub(crate) fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|name| key.ends_with(name))
}

/// `text` with every inline secret overwritten by `*`, byte for byte, so that spans still fit. It works on
/// the text alone, so that a file which is not even TOML gives nothing away.
pub(crate) fn mask(text: &str) -> String {
    let mut hidden: Vec<std::ops::Range<usize>> = Vec::new();
    for name in SECRET {
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

/// The value of `key = value`, when the key ends at `at` and the value is not a reference (`{ … }`).
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

/// The length of a basic string with its quotes; of its line when it does not end there.
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

/// `user:password` of `scheme://user:password@host`.
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
            assert_eq!(mask(text), masked);
            assert_eq!(mask(text).len(), text.len());
        }
    }
}

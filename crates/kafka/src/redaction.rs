//! Removes the values of properties from the texts of librdkafka.

use std::borrow::Cow;

use spanbridge_kafka_properties::is_secret;

/// Values that are shorter are left in texts: they reveal nothing, and they occur in other words.
const MIN_SECRET_LENGTH: usize = 3;
/// The same for values that are no secrets.
const MIN_VALUE_LENGTH: usize = 6;
/// Properties whose values are words of the documentation.
const WORDS: [&str; 3] = ["security.protocol", "sasl.mechanism", "sasl.mechanisms"];

/// Replaces the values of one client's properties by their names: `<sasl.password>`.
///
/// There is no `Debug` output, because the values are secrets.
#[derive(Clone, Default)]
pub(crate) struct Redaction {
    /// Values of secret properties, the longest first.
    secrets: Vec<Replacement>,
    /// Values of the other properties, the longest first.
    others: Vec<Replacement>,
}

#[derive(Clone)]
struct Replacement {
    value: String,
    name: String,
}

impl Redaction {
    /// Creates a redaction of these properties.
    pub(crate) fn new(properties: &[(String, String)]) -> Self {
        let (mut secrets, mut others) = (Vec::new(), Vec::new());
        for (name, value) in properties {
            let (list, min_length) = match is_secret(name) {
                true => (&mut secrets, MIN_SECRET_LENGTH),
                false => (&mut others, MIN_VALUE_LENGTH),
            };
            if WORDS.contains(&name.as_str()) {
                continue;
            }
            // A message may show one line of a key.
            let parts = std::iter::once(value.as_str()).chain(value.lines());
            let parts = parts.map(str::trim).filter(|part| part.len() >= min_length);
            let parts = parts.filter(|part| !part.starts_with("-----"));
            list.extend(parts.map(|part| Replacement { value: part.to_owned(), name: format!("<{name}>") }));
        }
        for list in [&mut secrets, &mut others] {
            list.sort_by_key(|replacement| std::cmp::Reverse(replacement.value.len()));
        }
        Redaction { secrets, others }
    }

    /// Returns `text` without values of secret properties.
    pub(crate) fn without_secrets<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replace(&self.secrets, text)
    }

    /// Returns `text` without values of any property.
    pub(crate) fn without_values<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match replace(&self.secrets, text) {
            Cow::Borrowed(text) => replace(&self.others, text),
            Cow::Owned(text) => Cow::Owned(replace(&self.others, &text).into_owned()),
        }
    }
}

fn replace<'t>(replacements: &[Replacement], text: &'t str) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for Replacement { value, name } in replacements {
        if text.contains(value.as_str()) {
            text = Cow::Owned(text.replace(value.as_str(), name));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction() -> Redaction {
        let properties = [
            ("sasl.password", "hunter2"),
            ("ssl.key.password", "hunter2-and-more"),
            ("ssl.key.pem", "-----BEGIN X-----\nMIIEvQ0\nAAAA\n-----END X-----"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.oauthbearer.client.secret", "ab"),
        ];
        Redaction::new(&properties.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn longest_value_is_replaced_first() {
        let text = redaction().without_secrets("hunter2-and-more, hunter2").into_owned();
        assert_eq!(text, "<ssl.key.password>, <sasl.password>");
    }

    #[test]
    fn lines_of_a_key_are_replaced() {
        let text = redaction().without_secrets("bad base64 at MIIEvQ0").into_owned();
        assert_eq!(text, "bad base64 at <ssl.key.pem>");
    }

    #[test]
    fn log_lines_keep_values_that_are_no_secrets() {
        let text = "sasl_ssl://b:1 fopen(/etc/ca.pem), about";
        assert_eq!(redaction().without_secrets(text), text);
        assert_eq!(redaction().without_values(text), "sasl_ssl://b:1 fopen(<ssl.ca.location>), about");
    }
}

//! One property, and the check of a value.

use std::borrow::Cow;

/// The clients that use a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// All clients.
    All,
    /// Consumers only.
    Consumer,
    /// Producers only.
    Producer,
}

/// The values that a property accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Any text.
    Text,
    /// Regular expressions, separated by commas.
    Patterns,
    /// A whole number between these bounds, inclusive.
    Integer(i64, i64),
    /// A number between these bounds, inclusive.
    Float(f64, f64),
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// The property takes no text: only a program can set it.
    Code,
}

/// A property of librdkafka.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Property {
    /// The name.
    pub name: &'static str,
    /// The clients that use it.
    pub client: Client,
    /// The values that it accepts.
    pub value: Value,
}

impl Property {
    /// Returns whether a file can set this property.
    pub fn is_settable(&self) -> bool {
        self.value != Value::Code && self.name != "builtin.features"
    }

    /// Checks a value. librdkafka itself accepts more spellings of numbers, such as `10x` for 10.
    ///
    /// # Errors
    /// What librdkafka accepts instead. The text does not contain the value.
    pub fn check(&self, value: &str) -> Result<(), Cow<'static, str>> {
        let is_one_of =
            |words: &[&str], word: &str| words.iter().any(|other| other.eq_ignore_ascii_case(word));
        let (is_valid, expected) = match self.value {
            // librdkafka compares the names of mechanisms with their case.
            Value::Text if self.name.starts_with("sasl.mechanism") => {
                (MECHANISMS.contains(&value), one_of(&MECHANISMS))
            }
            Value::Text | Value::Patterns => {
                (!value.contains('\0'), Cow::Borrowed("text without NUL characters"))
            }
            Value::Integer(min, max) => {
                let number = value.parse::<i64>().ok().filter(|_| !is_octal(value));
                let is_valid = number.is_some_and(|number| (min..=max).contains(&number));
                (is_valid, Cow::Owned(format!("a whole number from {min} to {max}")))
            }
            Value::Float(min, max) => {
                let is_valid = value.parse::<f64>().is_ok_and(|number| (min..=max).contains(&number));
                (is_valid, Cow::Owned(format!("a number from {min} to {max}")))
            }
            Value::Boolean => {
                (is_one_of(&["true", "t", "1", "false", "f", "0"], value), Cow::Borrowed("true or false"))
            }
            Value::Word(words) => (is_one_of(words, value), one_of(words)),
            Value::Words(words) => {
                let mut given = value.split(',').map(|word| word.trim().trim_start_matches(['+', '-']));
                let is_valid = given.all(|word| word.is_empty() || is_one_of(words, word));
                (
                    is_valid,
                    Cow::Owned(format!("some of these words, separated by commas: {}", words.join(", "))),
                )
            }
            Value::Code => (false, Cow::Borrowed("no value: only a program can set this property")),
        };
        if is_valid { Ok(()) } else { Err(expected) }
    }
}

/// The mechanisms that librdkafka implements; `rd_kafka_sasl_select_provider`.
const MECHANISMS: [&str; 5] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"];

fn one_of(words: &[&str]) -> Cow<'static, str> {
    Cow::Owned(format!("one of: {}", words.join(", ")))
}

/// Returns whether librdkafka reads the number in base 8.
fn is_octal(value: &str) -> bool {
    let digits = value.trim_start_matches(['+', '-']);
    digits.len() > 1 && digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use crate::find;

    #[test]
    fn values_are_checked() {
        for (name, valid, invalid) in [
            (
                "session.timeout.ms",
                &["1", "3600000"][..],
                &["0", "3600001", "", "1x", "010", "0x10", "1.5"][..],
            ),
            ("topic.metadata.refresh.interval.ms", &["-1", "0"], &["-2"]),
            ("linger.ms", &["0", "0.5", "900000"], &["-1", "900001", "x"]),
            ("socket.keepalive.enable", &["true", "False", "1"], &["yes", ""]),
            ("security.protocol", &["ssl", "SASL_SSL"], &["tls", "", "ssl "]),
            ("debug", &["all", "broker, topic", "+security,-msg", ""], &["everything"]),
            ("sasl.mechanism", &["PLAIN", "SCRAM-SHA-512"], &["plain", "SCRAM"]),
            ("sasl.mechanisms", &["OAUTHBEARER"], &["SCRAM-SHA-1"]),
            ("sasl.password", &["", "any"], &["a\0b"]),
            ("error_cb", &[], &["", "x"]),
        ] {
            let property = find(name).unwrap();
            for value in valid {
                assert_eq!(property.check(value), Ok(()), "{name} = {value:?}");
            }
            for value in invalid {
                let expected = property.check(value).unwrap_err();
                assert!(!expected.is_empty(), "{name} = {value:?}");
            }
        }
    }
}

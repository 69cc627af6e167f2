//! Which librdkafka properties apply to which kind of client.
//!
//! librdkafka warns about every property that a client ignores: `linger.ms` on a consumer,
//! `session.timeout.ms` on a producer. The bridge has one set of properties for all of its clients, so
//! [`ClientOptions`](crate::ClientOptions) asks this module before it sets one. A name that librdkafka does not know
//! applies to every client: librdkafka then rejects it.

use spanbridge_kafka_properties::{Client, find};

/// The kind of a client, as far as properties depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Fetches records.
    Consumer,
    /// Sends records.
    Producer,
    /// Administers topics or queries metadata, without records.
    Metadata,
}

impl ClientKind {
    /// Returns whether librdkafka uses the property `name` in clients of this kind.
    pub(crate) fn uses(self, name: &str) -> bool {
        match find(name).map(|property| property.client) {
            None | Some(Client::All) => true,
            Some(Client::Consumer) => self == ClientKind::Consumer,
            Some(Client::Producer) => self == ClientKind::Producer,
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use spanbridge_kafka_properties::{Property, Value, all, missing_part};

    use super::*;

    #[test]
    fn each_kind_uses_its_own_and_the_common_properties() {
        for (name, consumer, producer, metadata) in [
            ("session.timeout.ms", true, false, false),
            ("max.partition.fetch.bytes", true, false, false),
            ("linger.ms", false, true, false),
            ("delivery.timeout.ms", false, true, false),
            ("sasl.password", true, true, true),
            ("no.such.property", true, true, true),
        ] {
            let uses = [ClientKind::Consumer, ClientKind::Producer, ClientKind::Metadata]
                .map(|kind| kind.uses(name));
            assert_eq!(uses, [consumer, producer, metadata], "{name}");
        }
    }

    /// A valid and an invalid value of the property, or `None` if every value is valid.
    fn samples(property: &Property) -> Option<(String, String)> {
        let (valid, invalid) = match property.value {
            Value::Integer(min, max) => (max.to_string(), (min - 1).to_string()),
            Value::Float(min, max) => (max.to_string(), (min - 1.0).to_string()),
            Value::Boolean => ("true".to_owned(), "maybe".to_owned()),
            Value::Word(words) => (words.first()?.to_string(), "no-such-word".to_owned()),
            Value::Words(words) => (words.first()?.to_string(), "no-such-word".to_owned()),
            Value::Text | Value::Patterns | Value::Code => return None,
        };
        Some((valid, invalid))
    }

    #[test]
    fn librdkafka_accepts_what_the_table_accepts() {
        let set =
            |name: &str, value: &str| ClientConfig::new().set(name, value).create_native_config().is_ok();
        for property in all().iter().filter(|property| property.is_settable()) {
            let name = property.name;
            // librdkafka accepts properties of Kerberos without Kerberos.
            let is_missing = !name.starts_with("sasl.kerberos.") && missing_part(name, "").is_some();
            let Some((valid, invalid)) = samples(property) else {
                assert!(!is_missing || !set(name, "x"), "{name}");
                continue;
            };
            assert_eq!(property.check(&valid), Ok(()), "{name} = {valid}");
            assert_eq!(set(name, &valid), !is_missing, "{name} = {valid}");
            assert!(property.check(&invalid).is_err(), "{name} = {invalid}");
            assert!(!set(name, &invalid), "{name} = {invalid}");
        }
        for property in all().iter().filter(|property| property.value == Value::Code) {
            assert!(!set(property.name, "x"), "{}", property.name);
        }
    }
}

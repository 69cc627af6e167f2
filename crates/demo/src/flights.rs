//! Reads the demo's data: all flights that left New York City in January 2013. Source: data/README.md.

use apache_avro::types::Value as Avro;
use flate2::read::GzDecoder;
use serde::{Deserialize, Deserializer};
use spanbridge_protocol::value::Timestamp;

use crate::error::{Error, ErrorKind, Result};

const CSV: &[u8] = include_bytes!("../data/flights-2013-01.csv.gz");

/// The Avro schema of the records' values.
pub(super) const SCHEMA: &str = include_str!("flight.avsc");

/// One flight. The fields `(carrier, flight, origin, time_hour)` are its unique key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Flight {
    pub(super) carrier: String,
    pub(super) flight: i64,
    #[serde(deserialize_with = "optional_text")]
    pub(super) tailnum: Option<String>,
    pub(super) origin: String,
    dest: String,
    /// The scheduled departure, truncated to the hour.
    #[serde(deserialize_with = "timestamp")]
    pub(super) time_hour: Timestamp,
    sched_dep_time: i32,
    #[serde(deserialize_with = "optional_number")]
    dep_time: Option<i32>,
    /// The delay in minutes; `None` for a cancelled flight.
    #[serde(deserialize_with = "optional_number")]
    pub(super) dep_delay: Option<i32>,
    sched_arr_time: i32,
    #[serde(deserialize_with = "optional_number")]
    arr_time: Option<i32>,
    #[serde(deserialize_with = "optional_number")]
    arr_delay: Option<i32>,
    #[serde(deserialize_with = "optional_number")]
    air_time: Option<i32>,
    distance: i32,
}

impl Flight {
    /// Returns the key of the flight's record.
    pub(super) fn key(&self) -> String {
        let Self { carrier, flight, origin, time_hour, .. } = self;
        format!("{carrier}-{flight}-{origin}-{}", time_hour.format("%FT%H"))
    }

    /// Returns the value of the flight's record, with the schema [`SCHEMA`].
    pub(super) fn to_avro(&self) -> Avro {
        let optional = |value: Option<Avro>| match value {
            Some(value) => Avro::Union(1, Box::new(value)),
            None => Avro::Union(0, Box::new(Avro::Null)),
        };
        let number = |value: Option<i32>| optional(value.map(Avro::Int));
        let text = |text: &str| Avro::String(text.to_owned());
        let fields = [
            ("carrier", text(&self.carrier)),
            ("flight", Avro::Long(self.flight)),
            ("tailnum", optional(self.tailnum.as_deref().map(text))),
            ("origin", text(&self.origin)),
            ("dest", text(&self.dest)),
            ("time_hour", Avro::TimestampMillis(self.time_hour.timestamp_millis())),
            ("sched_dep_time", Avro::Int(self.sched_dep_time)),
            ("dep_time", number(self.dep_time)),
            ("dep_delay", number(self.dep_delay)),
            ("sched_arr_time", Avro::Int(self.sched_arr_time)),
            ("arr_time", number(self.arr_time)),
            ("arr_delay", number(self.arr_delay)),
            ("air_time", number(self.air_time)),
            ("distance", Avro::Int(self.distance)),
        ];
        Avro::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Reads all flights in the order of the file.
pub(super) fn read_all() -> Result<Vec<Flight>> {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(CSV));
    let flights = reader.deserialize().collect::<std::result::Result<_, _>>();
    flights.map_err(|error| Error::new(ErrorKind::Data, format!("cannot read the flights: {error}")))
}

const NOT_AVAILABLE: [&str; 2] = ["NA", ""];

fn optional_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    Ok((!NOT_AVAILABLE.contains(&text.as_str())).then_some(text))
}

fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    let text = optional_text(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

fn timestamp<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn data_has_27004_flights_with_unique_keys() {
        let flights = read_all().unwrap();
        assert_eq!(flights.len(), 27_004);
        assert_eq!(flights.iter().map(Flight::key).collect::<HashSet<_>>().len(), flights.len());
        assert_eq!(flights[0].key(), "UA-1545-EWR-2013-01-01T10");
        assert_eq!(flights[0].dep_delay, Some(2));
        assert_eq!(flights.iter().filter(|flight| flight.dep_delay.is_none()).count(), 521);
    }

    #[test]
    fn each_flight_encodes_with_the_schema() {
        let schema = spanbridge_schema::AvroSchema::parse(SCHEMA).unwrap();
        for flight in read_all().unwrap() {
            spanbridge_schema::encode_avro(1, &schema, &flight.to_avro()).unwrap();
        }
    }
}

//! Computes the expected contents of the tables from the flights, in the simplest way and without code of the bridge.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_verify::rows::Rows;

use super::flight_producer::SendTimes;
use super::flights::Flight;

/// Computes the rows of the table Flights: one per flight, with the timestamp of its record.
pub(super) fn flights(flights: &[Flight], send_times: &SendTimes) -> Rows {
    let row = |(flight, sent): (&Flight, &Timestamp)| {
        let key = vec![
            flight.carrier.as_str().into(),
            flight.flight.into(),
            flight.origin.as_str().into(),
            Value::Timestamp(flight.time_hour),
        ];
        let mut row = key.clone();
        row.push(flight.dep_delay.map(i64::from).into());
        row.push(flight.tailnum.as_deref().into());
        row.push(Value::Timestamp(*sent));
        (key, row)
    };
    flights.iter().zip(send_times).map(row).collect()
}

/// The origin, carrier and hour of a group.
pub(super) type Group = (String, String, Timestamp);

/// The departures of one carrier from one airport in one hour. Sum, minimum and maximum are over the known delays, and
/// `None` when no delay is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delays {
    pub(super) flights: i64,
    pub(super) sum: Option<i64>,
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
}

impl Delays {
    fn of_flight(delay: Option<i64>) -> Self {
        Self { flights: 1, sum: delay, min: delay, max: delay }
    }

    /// Adds the departures of `other`.
    pub(super) fn add(&mut self, other: Self) {
        fn combine(one: Option<i64>, other: Option<i64>, with: fn(i64, i64) -> i64) -> Option<i64> {
            match (one, other) {
                (Some(one), Some(other)) => Some(with(one, other)),
                (one, other) => one.or(other),
            }
        }
        self.flights += other.flights;
        self.sum = combine(self.sum, other.sum, |a, b| a + b);
        self.min = combine(self.min, other.min, i64::min);
        self.max = combine(self.max, other.max, i64::max);
    }
}

/// Computes the delays by group.
pub(super) fn delays(flights: &[Flight]) -> BTreeMap<Group, Delays> {
    let mut groups = BTreeMap::<Group, Delays>::new();
    for flight in flights {
        // The time_hour of the data is already truncated to the hour: the start of the one-hour tumbling window.
        let group = (flight.origin.clone(), flight.carrier.clone(), flight.time_hour);
        groups.entry(group).or_default().add(Delays::of_flight(flight.dep_delay.map(i64::from)));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_delay_counts_as_flight_only() {
        let mut delays = Delays::default();
        for delay in [None, Some(-3), Some(5), None] {
            delays.add(Delays::of_flight(delay));
        }
        assert_eq!(delays, Delays { flights: 4, sum: Some(2), min: Some(-3), max: Some(5) });
        let mut none = Delays::of_flight(None);
        none.add(Delays::of_flight(None));
        assert_eq!(none, Delays { flights: 2, sum: None, min: None, max: None });
    }

    #[test]
    fn data_has_9554_groups() {
        let flights = super::super::flights::read_all().unwrap();
        let groups = delays(&flights);
        assert_eq!(groups.len(), 9_554);
        assert_eq!(groups.values().map(|group| group.flights).sum::<i64>(), 27_004);
        assert_eq!(groups.values().filter(|group| group.sum.is_none()).count(), 94);
    }
}

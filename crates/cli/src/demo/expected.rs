//! What the tables should hold, computed from the flights in the plainest way, without a line of the bridge.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Timestamp, Value};

use super::flights::Flight;
use super::load::Sent;
use crate::rows::Rows;

/// The rows of Flights: one for each flight, updated when its record was made.
pub(super) fn flights(flights: &[Flight], sent: &Sent) -> Rows {
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
    flights.iter().zip(sent).map(row).collect()
}

/// Origin, carrier, hour.
pub(super) type Group = (String, String, Timestamp);

/// The departures of one carrier from one airport in one hour. The sum, least and most are of the delays that are known:
/// nothing when none is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Delays {
    pub(super) flights: i64,
    pub(super) sum: Option<i64>,
    pub(super) least: Option<i64>,
    pub(super) most: Option<i64>,
}

impl Delays {
    fn of(delay: Option<i64>) -> Self {
        Self { flights: 1, sum: delay, least: delay, most: delay }
    }

    /// Both together.
    pub(super) fn add(&mut self, other: Self) {
        fn both(one: Option<i64>, other: Option<i64>, of: fn(i64, i64) -> i64) -> Option<i64> {
            match (one, other) {
                (Some(one), Some(other)) => Some(of(one, other)),
                (one, other) => one.or(other),
            }
        }
        self.flights += other.flights;
        self.sum = both(self.sum, other.sum, |a, b| a + b);
        self.least = both(self.least, other.least, i64::min);
        self.most = both(self.most, other.most, i64::max);
    }
}

/// The delays by group.
pub(super) fn delays(flights: &[Flight]) -> BTreeMap<Group, Delays> {
    let mut groups = BTreeMap::<Group, Delays>::new();
    for flight in flights {
        // The data's time_hour is the hour already: the start of its tumbling window of an hour.
        let group = (flight.origin.clone(), flight.carrier.clone(), flight.time_hour);
        groups.entry(group).or_default().add(Delays::of(flight.dep_delay.map(i64::from)));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_delays_count_as_flights_only() {
        let mut delays = Delays::default();
        for delay in [None, Some(-3), Some(5), None] {
            delays.add(Delays::of(delay));
        }
        assert_eq!(delays, Delays { flights: 4, sum: Some(2), least: Some(-3), most: Some(5) });
        let mut none = Delays::of(None);
        none.add(Delays::of(None));
        assert_eq!(none, Delays { flights: 2, sum: None, least: None, most: None });
    }

    #[test]
    fn the_data_has_9554_groups() {
        let flights = super::super::flights::all().unwrap();
        let groups = delays(&flights);
        assert_eq!(groups.len(), 9_554);
        assert_eq!(groups.values().map(|group| group.flights).sum::<i64>(), 27_004);
        assert_eq!(groups.values().filter(|group| group.sum.is_none()).count(), 94);
    }
}

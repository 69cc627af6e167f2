use chrono::{DurationRound as _, TimeDelta, Utc};
use spanbridge_protocol::value::Timestamp;

/// Commit timestamps: microseconds, each later than all that were given out before.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Timestamp>,
}

impl Clock {
    /// The present, and later than any commit so far.
    pub(crate) fn tick(&mut self) -> Timestamp {
        let step = TimeDelta::microseconds(1);
        let now = Utc::now();
        let now = now.duration_trunc(step).unwrap_or(now);
        let now = self.last.map_or(now, |last| now.max(last + step));
        self.last = Some(now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_instant_is_given_twice() {
        let mut clock = Clock::default();
        let ticks: Vec<Timestamp> = (0..1000).map(|_| clock.tick()).collect();
        assert!(ticks.is_sorted_by(|a, b| a < b));
        assert!(ticks.iter().all(|tick| tick.timestamp_subsec_nanos() % 1000 == 0));
    }
}

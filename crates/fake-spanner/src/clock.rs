use chrono::{DurationRound as _, TimeDelta, Utc};
use spanbridge_protocol::value::Timestamp;

/// Commit timestamps: microseconds, each later than all that were given out before, unless it is held.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Timestamp>,
    held: Option<Timestamp>,
    ahead: TimeDelta,
}

const STEP: TimeDelta = TimeDelta::microseconds(1);

impl Clock {
    /// The present, and later than any commit so far.
    pub(crate) fn tick(&mut self) -> Timestamp {
        if let Some(held) = self.held {
            return held;
        }
        let now = Utc::now() + self.ahead;
        let now = now.duration_trunc(STEP).unwrap_or(now);
        let now = self.last.map_or(now, |last| now.max(last + STEP));
        self.last = Some(now);
        now
    }

    /// Up to where no commit can come any more.
    pub(crate) fn settled(&mut self) -> Timestamp {
        self.held.map_or_else(|| self.tick(), |held| held - STEP)
    }

    /// From now on every tick is the same.
    pub(crate) fn hold(&mut self) {
        self.held = Some(self.tick());
    }

    pub(crate) fn release(&mut self) {
        self.held = None;
    }

    /// From now on it is so much later than it would be.
    pub(crate) fn advance(&mut self, by: TimeDelta) {
        self.ahead += by;
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_clock_gives_one_instant_and_nothing_before_it_is_open() {
        let mut clock = Clock::default();
        let before = clock.tick();
        clock.hold();
        let held = clock.tick();
        assert!(before < held && clock.tick() == held && clock.settled() < held);
        clock.release();
        assert!(clock.settled() > held && clock.tick() > held);
    }

    #[test]
    fn an_advanced_clock_goes_on_from_there() {
        let mut clock = Clock::default();
        let before = clock.tick();
        clock.advance(TimeDelta::hours(25));
        let after = clock.tick();
        assert!(after - before >= TimeDelta::hours(25) && clock.tick() > after);
    }

    #[test]
    fn no_instant_is_given_twice() {
        let mut clock = Clock::default();
        let ticks: Vec<Timestamp> = (0..1000).map(|_| clock.tick()).collect();
        assert!(ticks.is_sorted_by(|a, b| a < b));
        assert!(ticks.iter().all(|tick| tick.timestamp_subsec_nanos() % 1000 == 0));
    }
}

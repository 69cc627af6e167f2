//! The source of commit timestamps.

use chrono::{DurationRound as _, TimeDelta, Utc};
use spanbridge_protocol::value::Timestamp;

/// A clock for commit timestamps, in microseconds. Each timestamp is later than all before, unless the clock is held.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Timestamp>,
    held: Option<Timestamp>,
    ahead: TimeDelta,
}

const STEP: TimeDelta = TimeDelta::microseconds(1);

impl Clock {
    /// Returns the present time, later than any timestamp before.
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

    /// Returns the timestamp up to which no further commit is possible.
    pub(crate) fn settled(&mut self) -> Timestamp {
        self.held.map_or_else(|| self.tick(), |held| held - STEP)
    }

    /// Makes every following tick return the same timestamp.
    pub(crate) fn hold(&mut self) {
        self.held = Some(self.tick());
    }

    pub(crate) fn release(&mut self) {
        self.held = None;
    }

    /// Moves the clock forward.
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
    fn held_clock_repeats_one_timestamp_after_the_settled_one() {
        let mut clock = Clock::default();
        let before = clock.tick();
        clock.hold();
        let held = clock.tick();
        assert!(before < held && clock.tick() == held && clock.settled() < held);
        clock.release();
        assert!(clock.settled() > held && clock.tick() > held);
    }

    #[test]
    fn advanced_clock_continues_from_its_new_time() {
        let mut clock = Clock::default();
        let before = clock.tick();
        clock.advance(TimeDelta::hours(25));
        let after = clock.tick();
        assert!(after - before >= TimeDelta::hours(25) && clock.tick() > after);
    }

    #[test]
    fn timestamps_are_unique() {
        let mut clock = Clock::default();
        let ticks: Vec<Timestamp> = (0..1000).map(|_| clock.tick()).collect();
        assert!(ticks.is_sorted_by(|a, b| a < b));
        assert!(ticks.iter().all(|tick| tick.timestamp_subsec_nanos() % 1000 == 0));
    }
}

use super::*;

const LIMITS: ReadinessLimits =
    ReadinessLimits { timeout: Duration::from_secs(30), recovery: Duration::from_secs(5) };

/// A rule with a clock in whole seconds.
struct Trial {
    rule: ReadinessRule,
    start: Instant,
}

impl Trial {
    fn new() -> Self {
        Self { rule: ReadinessRule::new(LIMITS), start: Instant::now() }
    }

    /// A pipeline that is ready at second 0 with these units.
    fn ready(units: &[&str]) -> Self {
        let mut this = Self::new();
        this.own(0, units);
        this.all_answer(0);
        this.rule.set_member(true);
        units.iter().for_each(|unit| this.rule.progressed(this.start, unit));
        assert_eq!(this.at(0), Ok(()));
        this
    }

    fn time(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn own(&mut self, second: u64, units: &[&str]) {
        self.rule.own(self.time(second), units.iter().map(|unit| Arc::from(*unit)));
    }

    fn all_answer(&mut self, second: u64) {
        for part in Part::ALL {
            self.rule.answered(self.time(second), part);
        }
    }

    fn progress(&mut self, second: u64, unit: &str) {
        self.all_answer(second);
        self.rule.progressed(self.time(second), unit);
    }

    fn at(&mut self, second: u64) -> Result<(), Unready> {
        self.rule.evaluate(self.time(second))
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn starting_pipeline_is_ready_at_its_first_progress() {
    let mut trial = Trial::new();
    assert_eq!(trial.at(0), Err(Unready::Silent(Part::Kafka, None)));
    trial.rule.answered(trial.time(0), Part::Kafka);
    assert_eq!(trial.at(0), Err(Unready::NotMember));
    trial.own(1, &["t[0]"]);
    trial.rule.set_member(true);
    assert_eq!(trial.at(1), Err(Unready::Silent(Part::Spanner, None)));
    trial.all_answer(1);
    assert_eq!(trial.at(1), Err(Unready::Stalled("t[0]".into(), None)), "an assignment is no progress");
    trial.progress(2, "t[0]");
    assert_eq!(trial.at(2), Ok(()));
}

#[test]
fn worker_without_an_assignment_needs_membership_and_an_answer_of_kafka() {
    let mut trial = Trial::new();
    trial.rule.answered(trial.time(0), Part::Kafka);
    trial.rule.set_member(true);
    assert_eq!(trial.at(0), Ok(()), "Spanner has nothing to do");
    assert_eq!(trial.at(30), Ok(()));
    assert_eq!(trial.at(31), Err(Unready::Silent(Part::Kafka, Some(seconds(31)))));
    let mut trial = Trial::ready(&[]);
    trial.rule.set_member(false);
    assert_eq!(trial.at(1), Err(Unready::NotMember));
}

#[test]
fn unit_without_progress_is_named_after_the_timeout() {
    let mut trial = Trial::ready(&["t[0]", "t[1]"]);
    for second in [10, 20, 30] {
        trial.progress(second, "t[0]");
        assert_eq!(trial.at(second), Ok(()));
    }
    trial.progress(31, "t[0]");
    assert_eq!(trial.at(31), Err(Unready::Stalled("t[1]".into(), Some(seconds(31)))));
    trial.own(32, &["t[0]"]);
    assert_eq!(trial.at(32), Err(Unready::Recovering(seconds(0))), "a revoked unit is no obstacle");
}

#[test]
fn silent_part_makes_a_pipeline_unready() {
    let mut trial = Trial::ready(&["t[0]"]);
    trial.rule.progressed(trial.time(25), "t[0]");
    trial.rule.answered(trial.time(25), Part::Kafka);
    assert_eq!(trial.at(31), Err(Unready::Silent(Part::Spanner, Some(seconds(31)))));
}

#[test]
fn new_unit_of_a_ready_pipeline_has_the_whole_timeout() {
    let mut trial = Trial::ready(&["t[0]"]);
    trial.own(10, &["t[0]", "t[1]"]);
    for second in [10, 20, 30, 40] {
        trial.progress(second, "t[0]");
        assert_eq!(trial.at(second), Ok(()));
    }
    assert_eq!(trial.at(41), Err(Unready::Stalled("t[1]".into(), Some(seconds(31)))));
}

#[test]
fn unready_pipeline_recovers_after_continuous_progress() {
    let mut trial = Trial::ready(&["t[0]"]);
    assert!(trial.at(31).is_err());
    trial.progress(40, "t[0]");
    assert_eq!(trial.at(40), Err(Unready::Recovering(seconds(0))));
    assert_eq!(trial.at(44), Err(Unready::Recovering(seconds(4))));
    assert_eq!(trial.at(45), Ok(()));
}

#[test]
fn failures_between_answers_prolong_the_recovery() {
    let mut trial = Trial::ready(&["t[0]"]);
    assert!(trial.at(31).is_err());
    for second in (40..80).step_by(4) {
        trial.progress(second, "t[0]");
        assert!(trial.at(second).is_err());
        trial.rule.failed(trial.time(second + 2));
        assert!(trial.at(second + 3).is_err(), "second {second}");
    }
    trial.progress(79, "t[0]");
    assert_eq!(trial.at(82), Err(Unready::Recovering(seconds(4))));
    assert_eq!(trial.at(83), Ok(()));
}

#[test]
fn failures_alone_do_not_end_readiness() {
    let mut trial = Trial::ready(&["t[0]"]);
    for second in 1..60 {
        trial.rule.failed(trial.time(second));
        if second % 20 == 0 {
            trial.progress(second, "t[0]");
        }
        assert_eq!(trial.at(second), Ok(()));
    }
}

#[test]
fn blocked_pipeline_is_unready_at_once_and_recovers() {
    let mut trial = Trial::ready(&["t[0]"]);
    trial.rule.set_blocked(true);
    assert_eq!(trial.at(1), Err(Unready::Blocked));
    trial.rule.set_blocked(false);
    trial.progress(2, "t[0]");
    assert_eq!(trial.at(2), Err(Unready::Recovering(seconds(0))));
    assert_eq!(trial.at(7), Ok(()));
}

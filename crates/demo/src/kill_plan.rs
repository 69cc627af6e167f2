//! The moments at which the services are killed, chosen by their progress so that each kill interrupts work.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// A plan that divides the records into one section per kill and one after the last kill.
///
/// In each section each service is killed once, at a random point between 10 % and 80 % of the section. The next section
/// is released when both services were killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KillPlan {
    /// The end of each section, in records.
    sections: Vec<u64>,
    /// The number of processed records at each kill of each service.
    kills: [Vec<u64>; 2],
}

impl KillPlan {
    pub(super) fn new(total: u64, kills: u32, random: &mut ChaCha8Rng) -> Self {
        let count = u64::from(kills) + 1;
        let sections: Vec<u64> = (1..=count).map(|section| total * section / count).collect();
        let mut points = || -> Vec<u64> {
            let starts = std::iter::once(0).chain(sections.iter().copied());
            let bounds = starts.zip(sections.iter().copied()).take(sections.len() - 1);
            bounds.map(|(start, end)| start + (end - start) * random.random_range(10..=80) / 100).collect()
        };
        let kills = [points(), points()];
        Self { sections, kills }
    }

    /// Returns the number of records that may be produced after these numbers of kills.
    pub(super) fn released(&self, kills: [usize; 2]) -> u64 {
        let section = kills[0].min(kills[1]);
        self.sections.get(section).or(self.sections.last()).copied().unwrap_or_default()
    }

    /// Returns true when the service (0 or 1) is to be killed now, after `kills` kills and `done` processed records.
    pub(super) fn is_due(&self, service: usize, kills: usize, done: u64) -> bool {
        self.kills[service].get(kills).is_some_and(|point| done >= *point)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn each_service_is_killed_once_per_section_except_the_last() {
        let plan = KillPlan::new(1000, 4, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(
            plan,
            KillPlan::new(1000, 4, &mut ChaCha8Rng::seed_from_u64(1)),
            "the seed determines the plan"
        );
        for kill in 0..4 {
            let (start, end) = (plan.released([kill; 2]) - 200, plan.released([kill; 2]));
            assert_eq!(end, 200 * (kill as u64 + 1));
            for service in 0..2 {
                assert!(!plan.is_due(service, kill, start), "not before the section begins");
                assert!(plan.is_due(service, kill, end), "at the end of the section at the latest");
            }
            assert_eq!(plan.released([kill, kill + 1]), end, "the next section waits for both kills");
        }
        assert_eq!(plan.released([4; 2]), 1000);
        assert!(!plan.is_due(0, 4, 1000));
    }

    #[test]
    fn plan_without_kills_releases_all_records_at_once() {
        let plan = KillPlan::new(1000, 0, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(plan.released([0, 0]), 1000);
        assert!(!plan.is_due(0, 0, 1000));
    }
}

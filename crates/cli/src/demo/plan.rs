//! When the services are killed: by how far they have come, so that each kill falls into the middle of the work.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// Of `total` records, one part is produced for each kill, and one after the last. In each part each service is killed
/// once, at a random place within the middle of it; the next part is produced when both were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The end of each part.
    parts: Vec<u64>,
    /// What each service has done when it is killed, for each kill.
    kills: [Vec<u64>; 2],
}

impl Plan {
    pub(super) fn new(total: u64, kills: u32, random: &mut ChaCha8Rng) -> Self {
        let count = u64::from(kills) + 1;
        let parts: Vec<u64> = (1..=count).map(|part| total * part / count).collect();
        let mut places = || -> Vec<u64> {
            let starts = std::iter::once(0).chain(parts.iter().copied());
            let bounds = starts.zip(parts.iter().copied()).take(parts.len() - 1);
            bounds.map(|(start, end)| start + (end - start) * random.random_range(10..=80) / 100).collect()
        };
        let kills = [places(), places()];
        Self { parts, kills }
    }

    /// How many records may be produced after so many kills of each service.
    pub(super) fn released(&self, kills: [usize; 2]) -> u64 {
        let part = kills[0].min(kills[1]);
        self.parts.get(part).or(self.parts.last()).copied().unwrap_or_default()
    }

    /// Whether that service (0 or 1), which was killed so many times and has done so many records, is to be killed now.
    pub(super) fn is_due(&self, service: usize, kills: usize, done: u64) -> bool {
        self.kills[service].get(kills).is_some_and(|place| done >= *place)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn each_service_dies_once_in_each_part_but_the_last() {
        let plan = Plan::new(1000, 4, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(plan, Plan::new(1000, 4, &mut ChaCha8Rng::seed_from_u64(1)), "the seed says all");
        for kill in 0..4 {
            let (start, end) = (plan.released([kill; 2]) - 200, plan.released([kill; 2]));
            assert_eq!(end, 200 * (kill as u64 + 1));
            for service in 0..2 {
                assert!(!plan.is_due(service, kill, start), "not before the part has begun");
                assert!(plan.is_due(service, kill, end), "at its end at the latest");
            }
            assert_eq!(plan.released([kill, kill + 1]), end, "both are waited for");
        }
        assert_eq!(plan.released([4; 2]), 1000);
        assert!(!plan.is_due(0, 4, 1000));
    }

    #[test]
    fn without_kills_all_is_released_at_once() {
        let plan = Plan::new(1000, 0, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(plan.released([0, 0]), 1000);
        assert!(!plan.is_due(0, 0, 1000));
    }
}

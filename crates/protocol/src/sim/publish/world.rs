//! One run: owners, zombies, a clock, and the check.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Dice;
use super::history::{Change, History};
use super::kafka::Kafka;
use super::owner::{Around, Owner, SHARDS};

const FAULTY_STEPS: usize = 3000;
/// Steps in which an undisturbed world must publish the rest.
const CALM_STEPS: usize = 200_000;

struct World {
    dice: Dice,
    kafka: Kafka,
    history: History,
    owners: Vec<Owner>,
    clock: i64,
    now: Duration,
}

pub(super) fn run(mut dice: Dice) -> Result<(), String> {
    let history = History::generate(&mut dice);
    let mut world =
        World { dice, kafka: Kafka::default(), history, owners: Vec::new(), clock: 0, now: Duration::ZERO };
    for _ in 0..FAULTY_STEPS {
        world.disturb();
        world.step(true);
    }
    world.calm();
    world.check()
}

impl World {
    fn disturb(&mut self) {
        match self.dice.below(400) {
            // A shard gets an owner; whoever owned it before goes on until it is fenced.
            0..4 => {
                let shard = self.dice.below(SHARDS as usize) as u32;
                self.owners.push(Owner::new(shard, &self.kafka));
            }
            4..6 => {
                self.dice.draw(&mut self.owners);
            }
            6..30 => self.clock += 1,
            _ => {}
        }
    }

    fn step(&mut self, faults: bool) {
        self.now += Duration::from_millis(1);
        if self.owners.is_empty() {
            return;
        }
        let any = self.dice.below(self.owners.len());
        let mut around = Around {
            kafka: &mut self.kafka,
            history: &self.history,
            clock: self.clock,
            now: self.now,
            faults,
        };
        if self.owners[any].step(&mut self.dice, &mut around).is_err() {
            // The group still gives the shard to this process: it starts again.
            let owner = self.owners.swap_remove(any);
            self.owners.push(Owner::new(owner.index, &self.kafka));
            // Of several that hold a shard only one may start again, or they fence each other forever.
            let same = self.owners.iter().filter(|other| other.index == owner.index).count();
            if same > 1 {
                self.owners.pop();
            }
        }
    }

    fn calm(&mut self) {
        self.clock = self.history.changes.last().map_or(0, |change| change.at + 1);
        for shard in 0..SHARDS {
            self.owners.push(Owner::new(shard, &self.kafka));
        }
        for step in 0..CALM_STEPS {
            self.step(false);
            if step % 500 == 0 && self.kafka.committed().count() >= self.history.changes.len() {
                return;
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let mut times: BTreeMap<&Change, usize> = BTreeMap::new();
        for change in self.kafka.committed() {
            *times.entry(change).or_default() += 1;
        }
        for change in &self.history.changes {
            match times.get(change) {
                Some(1) => {}
                Some(times) => return Err(format!("{change:?} is published {times} times")),
                None => return Err(format!("{change:?} is not published")),
            }
        }
        for key in 0..8 {
            let published = self.kafka.committed().filter(|change| change.key == key);
            let committed = self.history.changes.iter().filter(|change| change.key == key);
            if !published.eq(committed) {
                return Err(format!("key {key} is published out of order"));
            }
        }
        Ok(())
    }
}

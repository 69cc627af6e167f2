//! One run: owners, zombies, a clock, and the check.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Dice;
use super::history::{BEGIN, Change, History, READ, instant};
use super::kafka::Kafka;
use super::owner::{Around, Owner, SHARDS};
use super::watcher::Watcher;

const FAULTY_STEPS: usize = 3000;
/// Steps in which an undisturbed world must publish the rest.
const CALM_STEPS: usize = 200_000;

struct World {
    dice: Dice,
    kafka: Kafka,
    history: History,
    owners: Vec<Owner>,
    watcher: Watcher,
    /// The last timestamp that is published.
    end: Option<i64>,
    snapshot: bool,
    clock: i64,
    now: Duration,
}

pub(super) fn run(dice: Dice) -> Result<(), String> {
    run_to(dice, false, false)
}

/// With a snapshot somewhere on the way, in front of the changes.
pub(super) fn run_with_a_snapshot(dice: Dice) -> Result<(), String> {
    run_to(dice, false, true)
}

/// With an end somewhere on the way.
pub(super) fn run_to_an_end(dice: Dice) -> Result<(), String> {
    run_to(dice, true, false)
}

fn run_to(mut dice: Dice, an_end: bool, snapshot: bool) -> Result<(), String> {
    let history = History::generate(&mut dice);
    let last = history.changes.last().map_or(0, |change| change.at);
    let end = an_end.then(|| dice.below(usize::try_from(last).unwrap_or(0) + 2) as i64);
    let mut world = World {
        dice,
        kafka: Kafka::default(),
        history,
        owners: Vec::new(),
        watcher: Watcher::default(),
        end,
        snapshot,
        clock: 0,
        now: Duration::ZERO,
    };
    for _ in 0..FAULTY_STEPS {
        world.disturb();
        world.step(true)?;
    }
    world.calm()?;
    world.check()
}

impl World {
    fn owner(&self, shard: u32) -> Owner {
        Owner::new(shard, self.end.map(instant), self.snapshot, &self.kafka)
    }

    fn disturb(&mut self) {
        match self.dice.below(400) {
            // A shard gets an owner; whoever owned it before goes on until it is fenced.
            0..4 => {
                let shard = self.dice.below(SHARDS as usize) as u32;
                self.owners.push(self.owner(shard));
            }
            4..6 => {
                self.dice.draw(&mut self.owners);
            }
            6..30 => self.clock += 1,
            _ => {}
        }
    }

    fn step(&mut self, faults: bool) -> Result<(), String> {
        self.now += Duration::from_millis(1);
        self.watcher.step(&mut self.dice, &self.kafka, &self.history)?;
        if self.owners.is_empty() {
            return Ok(());
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
            self.owners.push(self.owner(owner.index));
            // Of several that hold a shard only one may start again, or they fence each other forever.
            let same = self.owners.iter().filter(|other| other.index == owner.index).count();
            if same > 1 {
                self.owners.pop();
            }
        }
        Ok(())
    }

    fn calm(&mut self) -> Result<(), String> {
        let last = self.history.changes.last().map_or(0, |change| change.at);
        self.clock = last.max(self.end.unwrap_or(0)) + 1;
        let end = instant(self.end.unwrap_or(self.clock - 1));
        for shard in 0..SHARDS {
            self.owners.push(self.owner(shard));
        }
        for _ in 0..CALM_STEPS {
            self.step(false)?;
            // What a service ends by, where there is an end.
            if self.watcher.watermark().is_some_and(|watermark| watermark > end) {
                return Ok(());
            }
        }
        Err(format!("the watermark never passes {end}: {:?}", self.watcher.watermark()))
    }

    fn check(&self) -> Result<(), String> {
        let mut times: BTreeMap<&Change, usize> = BTreeMap::new();
        for change in self.kafka.committed() {
            *times.entry(change).or_default() += 1;
        }
        let origin = self.kafka.origin().ok_or("the pipeline has not begun")?;
        let rows: Vec<Change> = match self.snapshot {
            true => self.history.rows(origin.start.timestamp()).collect(),
            false => Vec::new(),
        };
        let behind = |change: &&Change| instant(change.at) >= origin.start;
        let wanted = |change: &&Change| behind(change) && self.end.is_none_or(|end| change.at <= end);
        let marks = &self.history.marks;
        if let Some(mark) =
            times.keys().find(|change| (BEGIN..READ).contains(&change.key) && !marks.contains(change))
        {
            return Err(format!("{mark:?} is no right mark"));
        }
        if let Some(change) = times.keys().find(|change| change.key < READ && !wanted(change)) {
            return Err(format!("{change:?} is published, behind the end {:?} or in the snapshot", self.end));
        }
        if let Some(row) = times.keys().find(|row| row.key >= READ && !rows.contains(row)) {
            return Err(format!("{row:?} is no row of the snapshot"));
        }
        let changes = self.history.changes.iter().chain(&self.history.marks).filter(wanted);
        for change in changes.chain(&rows) {
            match times.get(change) {
                Some(1) => {}
                Some(times) => return Err(format!("{change:?} is published {times} times")),
                None => return Err(format!("{change:?} is not published")),
            }
        }
        for key in 0..8 {
            let published = self.kafka.committed().filter(|change| change.key % READ == key);
            let row = rows.iter().filter(|row| row.key == READ + key);
            let committed = self.history.changes.iter().filter(wanted).filter(|change| change.key == key);
            let committed = row.chain(committed);
            if !published.eq(committed) {
                return Err(format!("key {key} is published out of order"));
            }
        }
        Ok(())
    }
}

//! One run: owners, zombies, a clock, and the check.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Rng;
use super::history::{BEGIN, ChangeRecord, History, READ, instant};
use super::kafka::FakeKafka;
use super::owner::{Owner, OwnerEnvironment, Scenario};
use super::requests::SnapshotRequests;
use super::watcher::WatermarkChecker;

const FAULTY_STEPS: usize = 3000;
/// Steps in which an undisturbed world must publish the rest.
const CALM_STEPS: usize = 200_000;

struct PublishWorld {
    rng: Rng,
    kafka: FakeKafka,
    history: History,
    owners: Vec<Owner>,
    watcher: WatermarkChecker,
    requests: SnapshotRequests,
    kind: Scenario,
    clock: i64,
    now: Duration,
}

pub(super) fn run(rng: Rng) -> Result<(), String> {
    run_kind(rng, |_, _| Scenario::default())
}

/// With a snapshot somewhere on the way, in front of the changes.
pub(super) fn run_with_a_snapshot(rng: Rng) -> Result<(), String> {
    run_kind(rng, |_, _| Scenario { snapshot: true, ..Scenario::default() })
}

/// With an end somewhere on the way.
pub(super) fn run_to_an_end(rng: Rng) -> Result<(), String> {
    run_kind(rng, |rng, last| Scenario { end: an_end(rng, last), ..Scenario::default() })
}

/// Each transaction whole, in the order of commits; with an end, a snapshot, or neither.
pub(super) fn run_atomic(rng: Rng) -> Result<(), String> {
    run_kind(rng, |rng, last| {
        let end = if rng.percent(30) { an_end(rng, last) } else { None };
        Scenario { end, snapshot: rng.percent(30), atomic: true, ..Scenario::default() }
    })
}

/// Tables are read again while changes go on; with all else that may be.
pub(super) fn run_with_rereads(rng: Rng) -> Result<(), String> {
    run_kind(rng, |rng, last| reread_kind(rng, last, false))
}

/// The same of an atomic pipeline.
pub(super) fn run_atomic_with_rereads(rng: Rng) -> Result<(), String> {
    run_kind(rng, |rng, last| reread_kind(rng, last, true))
}

fn reread_kind(rng: &mut Rng, last: i64, atomic: bool) -> Scenario {
    let end = if rng.percent(15) { an_end(rng, last) } else { None };
    let blinks = [0, 40, 80][rng.below(3)];
    Scenario { end, snapshot: rng.percent(30), atomic, rereads: true, blinks }
}

fn an_end(rng: &mut Rng, last: i64) -> Option<i64> {
    Some(rng.below(usize::try_from(last).unwrap_or(0) + 2) as i64)
}

fn run_kind(mut rng: Rng, kind: impl Fn(&mut Rng, i64) -> Scenario) -> Result<(), String> {
    let history = History::generate(&mut rng);
    let last = history.changes.last().map_or(0, |change| change.at);
    let kind = kind(&mut rng, last);
    let mut world = PublishWorld {
        rng,
        kafka: FakeKafka::default(),
        history,
        owners: Vec::new(),
        watcher: WatermarkChecker::default(),
        requests: SnapshotRequests::default(),
        kind,
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

impl PublishWorld {
    fn owner(&self, shard: u32) -> Owner {
        Owner::new(shard, self.kind, &self.kafka)
    }

    fn disturb(&mut self) {
        match self.rng.below(400) {
            // A shard gets an owner; whoever owned it before goes on until it is fenced.
            0..4 => {
                let shard = self.rng.below(self.kind.shards() as usize) as u32;
                self.owners.push(self.owner(shard));
            }
            4..6 => {
                self.rng.draw(&mut self.owners);
            }
            6..30 => self.clock += 1,
            30..33 if self.kind.rereads => self.requests.ask(&mut self.rng, &mut self.kafka),
            33 if self.kind.rereads => self.requests.take_back(&mut self.rng, &mut self.kafka),
            _ => {}
        }
    }

    fn step(&mut self, faults: bool) -> Result<(), String> {
        self.now += Duration::from_millis(1);
        self.watcher.step(&mut self.rng, &self.kafka, &self.history)?;
        if self.owners.is_empty() {
            return Ok(());
        }
        let any = self.rng.below(self.owners.len());
        let mut env = OwnerEnvironment {
            kafka: &mut self.kafka,
            history: &self.history,
            clock: self.clock,
            now: self.now,
            faults,
            watermark: self.watcher.watermark(),
        };
        if self.owners[any].step(&mut self.rng, &mut env).is_err() {
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
        self.clock = last.max(self.kind.end.unwrap_or(0)) + 1;
        let end = instant(self.kind.end.unwrap_or(self.clock - 1));
        for shard in 0..self.kind.shards() {
            self.owners.push(self.owner(shard));
        }
        for _ in 0..CALM_STEPS {
            self.step(false)?;
            if self.kind.rereads && self.rng.percent(1) {
                self.clock += 1;
            }
            // What a service ends by, where there is an end.
            if (self.requests.are_done(&self.kafka) || self.ends_before_it_begins())
                && self.watcher.watermark().is_some_and(|watermark| watermark > end)
            {
                return Ok(());
            }
        }
        let (watermark, done) = (self.watcher.watermark(), self.requests.are_done(&self.kafka));
        Err(format!("the watermark never passes {end}: {watermark:?}, requests done: {done}"))
    }

    /// Then nothing is to be published, nor read again.
    fn ends_before_it_begins(&self) -> bool {
        let origin = self.kafka.origin();
        origin.is_some_and(|origin| self.kind.end.is_some_and(|end| instant(end) < origin.start))
    }

    fn check(&self) -> Result<(), String> {
        if self.kind.atomic {
            self.check_whole()?;
        }
        let mut times: BTreeMap<&ChangeRecord, usize> = BTreeMap::new();
        for change in self.kafka.committed() {
            *times.entry(change).or_default() += 1;
        }
        let origin = self.kafka.origin().ok_or("the pipeline has not begun")?;
        let rows: Vec<ChangeRecord> = match self.kind.snapshot {
            true => self.history.rows(origin.start.timestamp()).collect(),
            false => Vec::new(),
        };
        let behind = |change: &&ChangeRecord| instant(change.at) >= origin.start;
        let wanted =
            |change: &&ChangeRecord| behind(change) && self.kind.end.is_none_or(|end| change.at <= end);
        let history = &self.history;
        let marks = if self.kind.atomic { &history.whole_marks } else { &history.marks };
        if let Some(mark) =
            times.keys().find(|change| (BEGIN..READ).contains(&change.key) && !marks.contains(change))
        {
            return Err(format!("{mark:?} is no right mark"));
        }
        if let Some(change) = times.keys().find(|change| change.key < READ && !wanted(change)) {
            return Err(format!(
                "{change:?} is published, behind the end {:?} or in the snapshot",
                self.kind.end
            ));
        }
        self.requests.check(&self.kafka, &self.history)?;
        if let Some(row) = times.keys().find(|row| (READ..2 * READ).contains(&row.key) && !rows.contains(row))
        {
            return Err(format!("{row:?} is no row of the snapshot"));
        }
        let changes = history.changes.iter().chain(marks).filter(wanted);
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
            let mut committed: Vec<&ChangeRecord> = row.chain(committed).collect();
            // A row that was read again stands behind all that it holds.
            let again = self.kafka.committed().filter(|row| row.key >= 2 * READ && row.key % READ == key);
            for row in again {
                let place =
                    committed.iter().rposition(|change| change.at <= row.at).map_or(0, |last| last + 1);
                committed.insert(place, row);
            }
            let in_order = match self.kind.atomic {
                false => published.eq(committed),
                // No two transactions of one timestamp write the same row, unless they are made up.
                true => by_time(published) == by_time(committed.into_iter()),
            };
            if !in_order {
                return Err(format!("key {key} is published out of order"));
            }
        }
        Ok(())
    }

    /// Each transaction is in one Kafka transaction, and all are in the order of commits.
    fn check_whole(&self) -> Result<(), String> {
        let mut seen: Option<(usize, &ChangeRecord)> = None;
        for (kafka, change) in self.kafka.by_transaction().filter(|(_, change)| change.key < READ) {
            if let Some((before, last)) = seen {
                let same = last.id.transaction == change.id.transaction;
                if same && before != kafka {
                    return Err(format!("{change:?} is torn from the rest of its transaction"));
                }
                if !same && last.at > change.at {
                    return Err(format!("{change:?} is published behind {last:?}"));
                }
            }
            seen = Some((kafka, change));
        }
        let mut transactions: Vec<_> = self.kafka.committed().map(|change| &change.id.transaction).collect();
        transactions.dedup();
        let all = transactions.len();
        transactions.sort();
        transactions.dedup();
        if transactions.len() < all && !self.kind.snapshot && !self.kind.rereads {
            return Err("a transaction is published in several pieces".to_owned());
        }
        Ok(())
    }
}

/// Sorted within each timestamp.
fn by_time<'c>(changes: impl Iterator<Item = &'c ChangeRecord>) -> Vec<&'c ChangeRecord> {
    let mut changes: Vec<&ChangeRecord> = changes.collect();
    let alike =
        |one: &&ChangeRecord, next: &&ChangeRecord| (one.at, one.key < READ) == (next.at, next.key < READ);
    changes.chunk_by_mut(alike).for_each(<[&ChangeRecord]>::sort_unstable);
    changes
}

//! One run: owners of shards, among them zombies, a clock, and the check.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fake_kafka::FakeKafka;
use super::owner::{Owner, OwnerEnvironment, Scenario};
use super::snapshot_requests::SnapshotRequests;
use super::stream_history::{BEGIN_KEY, ChangeRecord, SNAPSHOT_KEYS, StreamHistory, instant};
use super::watermark_checker::WatermarkChecker;
use crate::sim::rng::Rng;
use crate::sim::tally;

/// The maximum number of steps without faults until everything is published.
const MAX_CALM_STEPS: usize = 200_000;

struct PublishSimulation {
    rng: Rng,
    kafka: FakeKafka,
    history: StreamHistory,
    owners: Vec<Owner>,
    watermark_checker: WatermarkChecker,
    requests: SnapshotRequests,
    scenario: Scenario,
    clock: i64,
    now: Duration,
}

pub(in crate::sim) fn run(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |_, _| Scenario::default())
}

/// Runs a pipeline that starts with a snapshot.
pub(in crate::sim) fn run_with_a_snapshot(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |_, _| Scenario { snapshot: true, ..Scenario::default() })
}

/// Runs a pipeline with an end.
pub(in crate::sim) fn run_to_an_end(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |rng, last| Scenario { end: random_end(rng, last), ..Scenario::default() })
}

/// Runs an atomic pipeline, with an end, a snapshot, or neither.
pub(in crate::sim) fn run_atomic(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |rng, last| {
        let end = if rng.percent(30) { random_end(rng, last) } else { None };
        Scenario { end, snapshot: rng.percent(30), atomic: true, ..Scenario::default() }
    })
}

/// Runs a pipeline with incremental snapshots, and with any other option.
pub(in crate::sim) fn run_with_incremental_snapshots(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |rng, last| incremental_scenario(rng, last, false))
}

/// Runs an atomic pipeline with incremental snapshots.
pub(in crate::sim) fn run_atomic_with_incremental_snapshots(rng: Rng) -> Result<(), String> {
    run_scenario(rng, |rng, last| incremental_scenario(rng, last, true))
}

fn incremental_scenario(rng: &mut Rng, last: i64, atomic: bool) -> Scenario {
    let end = if rng.percent(15) { random_end(rng, last) } else { None };
    let missed_reads = [0, 40, 80][rng.below(3)];
    Scenario { end, snapshot: rng.percent(30), atomic, incremental: true, missed_reads }
}

fn random_end(rng: &mut Rng, last: i64) -> Option<i64> {
    Some(rng.below(usize::try_from(last).unwrap_or(0) + 2) as i64)
}

fn run_scenario(mut rng: Rng, scenario: impl Fn(&mut Rng, i64) -> Scenario) -> Result<(), String> {
    let history = StreamHistory::generate(&mut rng);
    let last = history.changes.last().map_or(0, |change| change.at);
    let scenario = scenario(&mut rng, last);
    let mut world = PublishSimulation {
        rng,
        kafka: FakeKafka::default(),
        history,
        owners: Vec::new(),
        watermark_checker: WatermarkChecker::default(),
        requests: SnapshotRequests::default(),
        scenario,
        clock: 0,
        now: Duration::ZERO,
    };
    for _ in 0..world.rng.faulty_steps() {
        world.disturb();
        world.step(true)?;
    }
    world.calm()?;
    world.check()
}

impl PublishSimulation {
    fn owner(&self, shard: u32) -> Owner {
        Owner::new(shard, self.scenario, &self.kafka)
    }

    fn disturb(&mut self) {
        match self.rng.below(400) {
            // A shard gets a new owner. The previous one continues until it is fenced.
            0..4 => {
                let shard = self.rng.below(self.scenario.shards() as usize) as u32;
                tally::note("shard gets another owner", || format!("shard {shard}"));
                self.owners.push(self.owner(shard));
            }
            4..6 => {
                let owner = self.rng.draw(&mut self.owners);
                tally::note("owner crashes", || format!("shard {:?}", owner.map(|owner| owner.index)));
            }
            6..30 => self.clock += 1,
            40..44 => self.compact(),
            30..33 if self.scenario.incremental => self.requests.add(&mut self.rng, &mut self.kafka),
            33 if self.scenario.incremental => self.requests.cancel(&mut self.rng, &mut self.kafka),
            _ => {}
        }
    }

    /// Compacts a part of any shard's partition.
    fn compact(&mut self) {
        let shard = self.rng.below(self.scenario.shards() as usize) as u32;
        let length = self.rng.below(self.kafka.high_watermark(shard) + 1);
        let owners = self.owners.iter().filter(|owner| owner.index == shard).map(Owner::read_up_to);
        let unread = owners.chain(self.watermark_checker.read_up_to(shard)).min().unwrap_or(usize::MAX);
        tally::note("compaction", || format!("shard {shard}, {length} records"));
        self.kafka.compact(shard, length, unread, self.now);
    }

    fn step(&mut self, faults: bool) -> Result<(), String> {
        self.now += Duration::from_millis(1);
        self.watermark_checker.step(&mut self.rng, &self.kafka, &self.history, self.now, faults)?;
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
            watermark: self.watermark_checker.watermark(),
        };
        if self.owners[any].step(&mut self.rng, &mut env).is_err() {
            // The group still assigns the shard to this process, so it restarts.
            let owner = self.owners.swap_remove(any);
            tally::note("owner restarts", || format!("shard {}", owner.index));
            self.owners.push(self.owner(owner.index));
            // Of several owners of a shard only one restarts, or they would fence each other forever.
            let same = self.owners.iter().filter(|other| other.index == owner.index).count();
            if same > 1 {
                self.owners.pop();
            }
        }
        Ok(())
    }

    fn calm(&mut self) -> Result<(), String> {
        let last = self.history.changes.last().map_or(0, |change| change.at);
        self.clock = last.max(self.scenario.end.unwrap_or(0)) + 1;
        let end = instant(self.scenario.end.unwrap_or(self.clock - 1));
        for shard in 0..self.scenario.shards() {
            self.owners.push(self.owner(shard));
        }
        for _ in 0..MAX_CALM_STEPS {
            self.step(false)?;
            if self.scenario.incremental && self.rng.percent(1) {
                self.clock += 1;
            }
            // The condition under which a service with an end stops.
            if (self.requests.are_done(&self.kafka) || self.ends_before_it_begins())
                && self.watermark_checker.watermark().is_some_and(|watermark| watermark > end)
            {
                return Ok(());
            }
        }
        let (watermark, done) = (self.watermark_checker.watermark(), self.requests.are_done(&self.kafka));
        Err(format!("the watermark never passes {end}: {watermark:?}, requests done: {done}"))
    }

    /// Returns whether the pipeline ends before its start. It then publishes no changes and no incremental
    /// snapshots.
    fn ends_before_it_begins(&self) -> bool {
        let origin = self.kafka.origin();
        origin.is_some_and(|origin| self.scenario.end.is_some_and(|end| instant(end) < origin.start))
    }

    fn check(&self) -> Result<(), String> {
        if self.scenario.atomic {
            self.check_transactions()?;
        }
        let mut times: BTreeMap<&ChangeRecord, usize> = BTreeMap::new();
        for change in self.kafka.committed() {
            *times.entry(change).or_default() += 1;
        }
        let origin = self.kafka.origin().ok_or("the pipeline has not begun")?;
        let rows: Vec<ChangeRecord> = match self.scenario.snapshot {
            true => self.history.rows(origin.start.timestamp()).collect(),
            false => Vec::new(),
        };
        let behind = |change: &&ChangeRecord| instant(change.at) >= origin.start;
        let wanted =
            |change: &&ChangeRecord| behind(change) && self.scenario.end.is_none_or(|end| change.at <= end);
        let history = &self.history;
        let markers = if self.scenario.atomic { &history.atomic_markers } else { &history.markers };
        if let Some(mark) = times
            .keys()
            .find(|change| (BEGIN_KEY..SNAPSHOT_KEYS).contains(&change.key) && !markers.contains(change))
        {
            return Err(format!("{mark:?} is no correct transaction marker"));
        }
        if let Some(change) = times.keys().find(|change| change.key < SNAPSHOT_KEYS && !wanted(change)) {
            return Err(format!(
                "{change:?} is published, but is behind the end {:?} or in the snapshot",
                self.scenario.end
            ));
        }
        self.requests.check(&self.kafka, &self.history)?;
        if let Some(row) = times
            .keys()
            .find(|row| (SNAPSHOT_KEYS..2 * SNAPSHOT_KEYS).contains(&row.key) && !rows.contains(row))
        {
            return Err(format!("{row:?} is no row of the snapshot"));
        }
        let changes = history.changes.iter().chain(markers).filter(wanted);
        for change in changes.chain(&rows) {
            match times.get(change) {
                Some(1) => {}
                Some(times) => return Err(format!("{change:?} is published {times} times")),
                None => return Err(format!("{change:?} is not published")),
            }
        }
        for key in 0..8 {
            let published = self.kafka.committed().filter(|change| change.key % SNAPSHOT_KEYS == key);
            let row = rows.iter().filter(|row| row.key == SNAPSHOT_KEYS + key);
            let committed = self.history.changes.iter().filter(wanted).filter(|change| change.key == key);
            let mut committed: Vec<&ChangeRecord> = row.chain(committed).collect();
            // A row of an incremental snapshot follows all changes that it contains.
            let again = self
                .kafka
                .committed()
                .filter(|row| row.key >= 2 * SNAPSHOT_KEYS && row.key % SNAPSHOT_KEYS == key);
            for row in again {
                let place =
                    committed.iter().rposition(|change| change.at <= row.at).map_or(0, |last| last + 1);
                committed.insert(place, row);
            }
            let in_order = match self.scenario.atomic {
                false => published.eq(committed),
                // In Spanner, two transactions with the same timestamp never write the same row. Here they may.
                true => by_time(published) == by_time(committed.into_iter()),
            };
            if !in_order {
                return Err(format!("key {key} is published out of order"));
            }
        }
        Ok(())
    }

    /// Checks that each transaction is in one Kafka transaction, and that all are in commit order.
    ///
    /// # Errors
    /// On the first violation.
    fn check_transactions(&self) -> Result<(), String> {
        let mut seen: Option<(usize, &ChangeRecord)> = None;
        for (kafka, change) in self.kafka.by_transaction().filter(|(_, change)| change.key < SNAPSHOT_KEYS) {
            if let Some((before, last)) = seen {
                let same = last.id.transaction == change.id.transaction;
                if same && before != kafka {
                    return Err(format!("{change:?} is split from the rest of its transaction"));
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
        if transactions.len() < all && !self.scenario.snapshot && !self.scenario.incremental {
            return Err("a transaction is published in several pieces".to_owned());
        }
        Ok(())
    }
}

/// Sorts the changes of each timestamp.
fn by_time<'c>(changes: impl Iterator<Item = &'c ChangeRecord>) -> Vec<&'c ChangeRecord> {
    let mut changes: Vec<&ChangeRecord> = changes.collect();
    let alike = |one: &&ChangeRecord, next: &&ChangeRecord| {
        (one.at, one.key < SNAPSHOT_KEYS) == (next.at, next.key < SNAPSHOT_KEYS)
    };
    changes.chunk_by_mut(alike).for_each(<[&ChangeRecord]>::sort_unstable);
    changes
}
